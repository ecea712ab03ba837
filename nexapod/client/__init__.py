"""The researcher's side: fleets, futures and sweeps, over a coordinator in this process or afar."""
