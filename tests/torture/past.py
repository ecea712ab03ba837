"""A database with a long past, written in seconds by SQL in the very schema."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from nexapod.store.sqlite import SqliteStore

#: One finished job each, as the seed's three calls leave it. `n` runs from 1 to the count.
_PAST = """
PRAGMA synchronous = OFF;
PRAGMA cache_size = -400000;
BEGIN;
CREATE TEMP TABLE numbers AS WITH RECURSIVE up (n) AS
  (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {count}) SELECT n FROM up;
INSERT INTO jobs (seq, id, state, node, epoch, started_at, finished_at, run_s, kind, name, params,
                  demand, priority, retries, after, submission, created_at)
SELECT n, printf('0199%08x-7000-8000-%012x', n, n * 2654435761 % 281474976710656), 'completed',
       'node-' || (n % 64), 1, 1.7e9 + n, 1.7e9 + n + 1, 1.0, 'data', 'past', 'null',
       '{{"kind":"data"}}', 0, 0, '[]', randomblob(32), 1.7e9 + n FROM numbers;
INSERT INTO payloads (seq, data) SELECT n, cast('{{"n": ' || n || '}}' AS BLOB) FROM numbers;
INSERT INTO attempts (seq, epoch, node, leased_at, lease_s, ended_at, end, run_s)
SELECT n, 1, 'node-' || (n % 64), 1.7e9 + n, 3600.0, 1.7e9 + n + 1, 'completed', 1.0 FROM numbers;
INSERT INTO results (seq, format, size, data, digest)
SELECT n, 'json', 20, cast('{{"energy": ' || n || '.5}}' AS BLOB), randomblob(32) FROM numbers;
INSERT INTO tallies VALUES ('state:completed', {count});
DROP TABLE numbers;
COMMIT;
"""


def make_past(database: Path, count: int) -> None:
    """A new database with `count` completed jobs."""
    SqliteStore(database).close()
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.executescript(_PAST.format(count=count))
        assert db.execute("SELECT count(*) FROM results").fetchone() == (count,)
