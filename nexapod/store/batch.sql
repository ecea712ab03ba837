-- How a batch is written: every row of it is inserted into one of two views, whose triggers put it
-- where it belongs. So a whole batch is one statement, and one transaction by itself; the
-- interpreter is let go of once and not once a table. They live as long as the connection. What would
-- change nothing is a contradiction, and undoes the batch: a final state stays, whatever the core says.

CREATE TEMP VIEW new_jobs (seq, id, kind, name, sweep, params, demand, priority, retries, timeout_s,
                           key, after, retry_of, submission, created_at, owner, deadline_at, epoch,
                           data, blob)
AS SELECT 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0;

CREATE TEMP TRIGGER job_queued INSTEAD OF INSERT ON new_jobs WHEN NEW.seq IS NOT NULL BEGIN
  INSERT INTO jobs (seq, id, state, kind, name, sweep, params, demand, priority, retries, timeout_s,
                    key, after, retry_of, submission, created_at, owner, deadline_at, epoch)
  VALUES (NEW.seq, NEW.id, 'pending', NEW.kind, NEW.name, NEW.sweep, NEW.params, NEW.demand,
          NEW.priority, NEW.retries, NEW.timeout_s, NEW.key, NEW.after, NEW.retry_of,
          NEW.submission, NEW.created_at, NEW.owner, NEW.deadline_at, NEW.epoch);
  INSERT INTO payloads (seq, data, blob) VALUES (NEW.seq, NEW.data, NEW.blob);
END;

-- A row is a kind and up to eight cells; the triggers say which. A row without a kind is padding.
CREATE TEMP VIEW changes (what, a, b, c, d, e, f, g, h) AS SELECT 0, 0, 0, 0, 0, 0, 0, 0, 0;

-- (seq, epoch, node, request_id, at, lease_s)
CREATE TEMP TRIGGER attempt_leased INSTEAD OF INSERT ON changes WHEN NEW.what = 'lease' BEGIN
  INSERT INTO attempts (seq, epoch, node, request_id, leased_at, lease_s)
  VALUES (NEW.a, NEW.b, NEW.c, NEW.d, NEW.e, NEW.f);
END;

-- (seq, epoch, end, at, run_s, peak, error, output)
CREATE TEMP TRIGGER attempt_ended INSTEAD OF INSERT ON changes WHEN NEW.what = 'end' BEGIN
  UPDATE attempts SET end = NEW.c, ended_at = NEW.d, run_s = NEW.e, peak_memory_bytes = NEW.f,
                      error = NEW.g, output = NEW.h
  WHERE seq = NEW.a AND epoch = NEW.b AND end IS NULL;
  SELECT RAISE(ABORT, 'an attempt ends that does not run') WHERE changes() = 0;
END;

-- (seq, epoch, bytes): it printed more than its last lines, which came with its end
CREATE TEMP TRIGGER attempt_printed INSTEAD OF INSERT ON changes WHEN NEW.what = 'printed' BEGIN
  UPDATE attempts SET printed_bytes = NEW.c WHERE seq = NEW.a AND epoch = NEW.b;
END;

-- (seq, state, epoch, node, at, not_before)
CREATE TEMP TRIGGER job_placed INSTEAD OF INSERT ON changes WHEN NEW.what = 'place' BEGIN
  UPDATE jobs SET state = NEW.b, epoch = coalesce(NEW.c, epoch), node = NEW.d, started_at = NEW.e,
                  not_before = NEW.f
  WHERE seq = NEW.a AND state IN ('pending','assigned');
  SELECT RAISE(ABORT, 'a job moves that is not open') WHERE changes() = 0;
END;

-- (seq, failures, lost_on)
CREATE TEMP TRIGGER job_set_back INSTEAD OF INSERT ON changes WHEN NEW.what = 'set back' BEGIN
  UPDATE jobs SET failures = NEW.b, lost_on = NEW.c WHERE seq = NEW.a;
END;

-- (seq, state, epoch, node, at, run_s, error)
CREATE TEMP TRIGGER job_closed INSTEAD OF INSERT ON changes WHEN NEW.what = 'close' BEGIN
  UPDATE jobs SET state = NEW.b, epoch = NEW.c, node = NEW.d, finished_at = NEW.e, run_s = NEW.f,
                  error = NEW.g, not_before = NULL,
                  started_at = coalesce(NEW.e - NEW.f, started_at)
  WHERE seq = NEW.a AND state IN ('pending','assigned');
  SELECT RAISE(ABORT, 'a job ends that is not open') WHERE changes() = 0;
END;

-- (seq, format, size, data, blob, digest, trusted)
CREATE TEMP TRIGGER result_recorded INSTEAD OF INSERT ON changes WHEN NEW.what = 'result' BEGIN
  INSERT INTO results (seq, format, size, data, blob, digest, trusted)
  VALUES (NEW.a, NEW.b, NEW.c, NEW.d, NEW.e, NEW.f, NEW.g);
END;

-- (id, profile, capacity, boot_id, at, address, credential)
CREATE TEMP TRIGGER node_registered INSTEAD OF INSERT ON changes WHEN NEW.what = 'node' BEGIN
  INSERT INTO nodes (id, profile, capacity, boot_id, registered_at, address, credential)
  VALUES (NEW.a, NEW.b, NEW.c, NEW.d, NEW.e, NEW.f, NEW.g)
  ON CONFLICT (id) DO UPDATE SET profile = excluded.profile, capacity = excluded.capacity,
    boot_id = excluded.boot_id, address = excluded.address, credential = excluded.credential,
    drains = 0;
END;

-- (id)
CREATE TEMP TRIGGER node_drains INSTEAD OF INSERT ON changes WHEN NEW.what = 'drain' BEGIN
  UPDATE nodes SET drains = 1 WHERE id = NEW.a;
END;

-- (name, count)
CREATE TEMP TRIGGER tally_added INSTEAD OF INSERT ON changes WHEN NEW.what = 'tally' BEGIN
  INSERT INTO tallies (name, count) VALUES (NEW.a, NEW.b)
  ON CONFLICT (name) DO UPDATE SET count = count + excluded.count;
END;

-- (at, actor, address, action, subject, detail)
CREATE TEMP TRIGGER audit_written INSTEAD OF INSERT ON changes WHEN NEW.what = 'audit' BEGIN
  INSERT INTO audit (at, actor, address, action, subject, detail)
  VALUES (NEW.a, NEW.b, NEW.c, NEW.d, NEW.e, NEW.f);
END;

-- (id, hash, scopes, label, trusted, created_at, expires_at)
CREATE TEMP TRIGGER token_made INSTEAD OF INSERT ON changes WHEN NEW.what = 'token' BEGIN
  INSERT INTO tokens (id, hash, scopes, label, trusted, created_at, expires_at)
  VALUES (NEW.a, NEW.b, NEW.c, NEW.d, NEW.e, NEW.f, NEW.g);
END;

-- (id, at)
CREATE TEMP TRIGGER token_revoked INSTEAD OF INSERT ON changes WHEN NEW.what = 'revoke' BEGIN
  UPDATE tokens SET revoked_at = coalesce(revoked_at, NEW.b) WHERE id = NEW.a;
END;
