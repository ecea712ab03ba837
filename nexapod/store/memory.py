"""A store that forgets: the SQLite store without a file, for tests and throw-away fleets."""

from __future__ import annotations

from pathlib import Path

from nexapod.store.sqlite import SqliteStore


class MemoryStore(SqliteStore):
    """As `SqliteStore`, in memory. It passes the same contract, less survival."""

    def __init__(self) -> None:
        super().__init__(Path(":memory:"))
