-- From schema 2 to 3: what attempts print is kept while they run, not its last lines alone.

ALTER TABLE attempts ADD COLUMN printed_bytes INTEGER;

CREATE TABLE printed (
  seq   INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  start INTEGER NOT NULL CHECK (start >= 0),
  data  BLOB NOT NULL,
  UNIQUE (seq, epoch, start)
) STRICT;
