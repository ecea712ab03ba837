"""The wire, served with aiohttp: checks, then the handler that `wire.routes` names."""
