"""One decider per command, by what it is about; `nexapod.core.decide` is the front door."""
