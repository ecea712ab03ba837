-- Schema version 3. Every table is STRICT; CHECKs and keys are a second barrier behind the core.

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per job. `seq` is its place in the queue and its key everywhere else.
CREATE TABLE jobs (
  seq         INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  state       TEXT NOT NULL CHECK (state IN ('pending','assigned','completed','failed','cancelled')),
  node        TEXT,
  epoch       INTEGER NOT NULL DEFAULT 0,
  failures    INTEGER NOT NULL DEFAULT 0,
  lost_on     TEXT NOT NULL DEFAULT '[]',
  not_before  REAL,
  started_at  REAL,
  finished_at REAL,
  run_s       REAL,
  error       TEXT,
  kind        TEXT NOT NULL,
  name        TEXT NOT NULL,
  sweep       TEXT,
  params      TEXT NOT NULL,
  demand      TEXT NOT NULL,
  priority    INTEGER NOT NULL,
  retries     INTEGER NOT NULL,
  timeout_s   REAL,
  key         TEXT UNIQUE,
  after       TEXT NOT NULL,
  retry_of    TEXT,
  submission  BLOB NOT NULL,
  created_at  REAL NOT NULL,
  owner       TEXT NOT NULL DEFAULT '',
  deadline_at REAL
) STRICT;

-- A restart reads only open jobs, however many are finished.
CREATE INDEX open_jobs ON jobs (seq) WHERE state IN ('pending','assigned');
CREATE INDEX sweep_jobs ON jobs (sweep, seq) WHERE sweep IS NOT NULL;
-- Few among many, and looked for.
CREATE INDEX ill_ended_jobs ON jobs (seq) WHERE state IN ('failed','cancelled');
CREATE INDEX owned_jobs ON jobs (owner, seq) WHERE owner <> '';

-- What the node gets, apart from the row that changes.
CREATE TABLE payloads (
  seq  INTEGER PRIMARY KEY,
  data BLOB,
  blob TEXT,
  CHECK (data IS NOT NULL OR blob IS NOT NULL)
) STRICT;

-- At most one result per job: the primary key says so.
CREATE TABLE results (
  seq    INTEGER PRIMARY KEY,
  format TEXT NOT NULL,
  size   INTEGER NOT NULL,
  data   BLOB,
  blob   TEXT,
  digest BLOB NOT NULL,
  trusted INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX retried_jobs ON jobs (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX payload_blobs ON payloads (blob) WHERE blob IS NOT NULL;
CREATE INDEX result_blobs ON results (blob) WHERE blob IS NOT NULL;

-- At most one attempt per job and epoch.
CREATE TABLE attempts (
  seq        INTEGER NOT NULL,
  epoch      INTEGER NOT NULL CHECK (epoch > 0),
  node       TEXT NOT NULL,
  request_id TEXT,
  leased_at  REAL NOT NULL,
  lease_s    REAL NOT NULL,
  ended_at   REAL,
  end        TEXT CHECK (end IN ('completed','failed','lost','released','cancelled')),
  run_s      REAL,
  peak_memory_bytes INTEGER,
  error      TEXT,
  output     TEXT,
  printed_bytes INTEGER,
  PRIMARY KEY (seq, epoch)
) STRICT, WITHOUT ROWID;

-- What attempts printed, in pieces: `data` is what came from byte `start` on. The last lines, which
-- come with an attempt's end, are in attempts.output.
CREATE TABLE printed (
  seq   INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  start INTEGER NOT NULL CHECK (start >= 0),
  data  BLOB NOT NULL,
  UNIQUE (seq, epoch, start)
) STRICT;

CREATE TABLE nodes (
  id            TEXT PRIMARY KEY,
  profile       TEXT NOT NULL,
  capacity      TEXT NOT NULL,
  boot_id       TEXT,
  registered_at REAL NOT NULL,
  address       TEXT NOT NULL,
  drains        INTEGER NOT NULL DEFAULT 0,
  credential    TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- Jobs per final state and attempts per node and end, so that a restart counts no rows.
CREATE TABLE tallies (
  name  TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who may come in. Only the sha256 of a secret is here: 256 random bits need no salt.
CREATE TABLE tokens (
  id         TEXT PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,
  scopes     TEXT NOT NULL,
  label      TEXT NOT NULL,
  trusted    INTEGER NOT NULL DEFAULT 1,
  created_at REAL NOT NULL,
  expires_at REAL,
  revoked_at REAL
) STRICT, WITHOUT ROWID;

-- Who did what, oldest first. Nothing but time removes a row.
CREATE TABLE audit (
  seq     INTEGER PRIMARY KEY,
  at      REAL NOT NULL,
  actor   TEXT NOT NULL,
  address TEXT NOT NULL,
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail  TEXT NOT NULL
) STRICT;
