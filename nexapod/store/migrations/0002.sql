-- From schema 1 to 2: credentials, deadlines, an audit. One token let everybody in before, so every
-- result so far came from a trusted node.

ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN deadline_at REAL;
ALTER TABLE results ADD COLUMN trusted INTEGER NOT NULL DEFAULT 0;
UPDATE results SET trusted = 1;
ALTER TABLE nodes ADD COLUMN credential TEXT NOT NULL DEFAULT '';

CREATE INDEX ill_ended_jobs ON jobs (seq) WHERE state IN ('failed','cancelled');
CREATE INDEX owned_jobs ON jobs (owner, seq) WHERE owner <> '';
CREATE INDEX retried_jobs ON jobs (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX payload_blobs ON payloads (blob) WHERE blob IS NOT NULL;
CREATE INDEX result_blobs ON results (blob) WHERE blob IS NOT NULL;

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

CREATE TABLE audit (
  seq     INTEGER PRIMARY KEY,
  at      REAL NOT NULL,
  actor   TEXT NOT NULL,
  address TEXT NOT NULL,
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail  TEXT NOT NULL
) STRICT;

INSERT INTO meta VALUES ('first_epoch', '0');
