-- Every statement the store reads with, by name. How it writes is in batch.sql.

-- name: fleet_id
SELECT value FROM meta WHERE name = 'fleet_id';

-- name: first_epoch
SELECT cast(value AS INTEGER) FROM meta WHERE name = 'first_epoch';

-- name: open_jobs
SELECT j.seq, j.id, j.state, j.node, j.epoch, j.failures, j.lost_on, j.not_before, j.name, j.sweep,
       j.demand, j.priority, j.retries, j.timeout_s, j.key, j.after, j.retry_of, j.submission,
       j.created_at, a.request_id, a.lease_s,
       CASE WHEN a.end IS NOT NULL THEN a.node END, a.end, a.leased_at, j.owner, j.deadline_at
FROM jobs AS j INDEXED BY open_jobs
LEFT JOIN attempts AS a ON a.seq = j.seq AND a.epoch = j.epoch
WHERE j.state IN ('pending','assigned') ORDER BY j.seq;

-- name: nodes
SELECT id, profile, capacity, boot_id, registered_at, address, drains, credential FROM nodes
ORDER BY registered_at;

-- name: tallies
SELECT name, count FROM tallies;

-- name: next_seq
SELECT coalesce(max(seq), 0) + 1 FROM jobs;

-- name: payload
SELECT data, blob FROM payloads WHERE seq = ?;

-- name: closed
SELECT j.id, j.state, j.epoch, j.node, coalesce(r.digest, x''), j.submission, j.key, j.owner
FROM jobs AS j LEFT JOIN results AS r ON r.seq = j.seq
WHERE j.id = ? AND j.state IN ('completed','failed','cancelled');

-- name: closed_key
SELECT j.id, j.state, j.epoch, j.node, coalesce(r.digest, x''), j.submission, j.key, j.owner
FROM jobs AS j LEFT JOIN results AS r ON r.seq = j.seq
WHERE j.key = ? AND j.state IN ('completed','failed','cancelled');

-- name: value
SELECT r.format, r.size, r.data, r.blob, r.trusted <> 0 FROM jobs AS j JOIN results AS r ON r.seq = j.seq
WHERE j.id = ?;

-- name: value_size
SELECT r.format, r.size, r.blob, CASE r.format WHEN 'json' THEN length(r.data) ELSE 0 END,
       r.trusted <> 0
FROM jobs AS j JOIN results AS r ON r.seq = j.seq WHERE j.id = ?;

-- name: failure
SELECT error FROM jobs WHERE id = ? AND state = 'failed';

-- name: output
SELECT a.output FROM attempts AS a JOIN jobs AS j ON j.seq = a.seq
WHERE j.id = ? AND a.output IS NOT NULL ORDER BY a.epoch DESC LIMIT 1;

-- name: sweeps
SELECT sweep, count(*) FROM jobs WHERE sweep IS NOT NULL GROUP BY sweep ORDER BY min(seq);

-- name: own_sweeps  (`+sweep`: by the owner's index, not past everybody's sweeps)
SELECT sweep, count(*) FROM jobs WHERE owner = ? AND owner <> '' AND +sweep IS NOT NULL
GROUP BY +sweep ORDER BY min(seq);

-- name: states
SELECT id, state, node FROM jobs WHERE id IN (SELECT value FROM json_each(?));

-- name: order
SELECT j.demand, j.submission, p.data, p.blob, j.params, j.name, j.sweep, j.priority, j.retries,
       j.timeout_s, j.after, j.owner, j.deadline_at - j.created_at
FROM jobs AS j JOIN payloads AS p ON p.seq = j.seq WHERE j.id = ?;

-- name: tokens
SELECT id, hash, scopes, label, trusted, created_at, expires_at, revoked_at FROM tokens
ORDER BY created_at, id;

-- name: audit
SELECT seq, at, actor, address, action, subject, detail FROM audit
WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: job_owners
SELECT id, owner FROM jobs WHERE id IN (SELECT value FROM json_each(?));

-- name: owns_blob
SELECT 1 FROM jobs AS j WHERE j.owner = ?2 AND j.seq IN (
  SELECT seq FROM payloads WHERE blob = ?1 UNION ALL SELECT seq FROM results WHERE blob = ?1
) LIMIT 1;

-- name: latest_retry
SELECT id FROM jobs
WHERE retry_of = ?1 AND state IN ('pending','assigned','completed')
  AND owner = (SELECT owner FROM jobs WHERE id = ?1)
ORDER BY seq DESC LIMIT 1;

-- name: retry_of
SELECT retry_of FROM jobs WHERE id = ? AND retry_of IS NOT NULL;

-- name: job_briefs
SELECT seq, id, state, node, sweep, name, epoch, created_at, started_at, finished_at, run_s, priority,
       retry_of,
       CASE WHEN error IS NULL THEN '' ELSE substr(coalesce(
         nullif(json_extract(error, '$.message'), ''), json_extract(error, '$.type'), 'error'
       ), 1, ?1) END
FROM jobs WHERE seq > ?2 ORDER BY seq LIMIT ?3;

-- name: job_briefs_of
SELECT seq, id, state, node, sweep, name, epoch, created_at, started_at, finished_at, run_s, priority,
       retry_of,
       CASE WHEN error IS NULL THEN '' ELSE substr(coalesce(
         nullif(json_extract(error, '$.message'), ''), json_extract(error, '$.type'), 'error'
       ), 1, ?1) END
FROM jobs WHERE seq IN (SELECT value FROM json_each(?2));

-- name: attempt_briefs
SELECT seq, epoch, node, leased_at, ended_at - run_s, ended_at, end FROM attempts
ORDER BY seq DESC, epoch DESC LIMIT ?;

-- name: attempt_briefs_of
SELECT seq, epoch, node, leased_at, ended_at - run_s, ended_at, end FROM attempts
WHERE (seq, epoch) IN (
  SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)
);
-- name: attempt_of  (the attempt if it is this node's, and did not end before that time)
SELECT a.seq FROM jobs AS j JOIN attempts AS a ON a.seq = j.seq
WHERE j.id = ? AND a.epoch = ? AND a.node = ? AND (a.ended_at IS NULL OR a.ended_at > ?);

-- name: log_of  (of the latest attempt, when none is named; a job without one has a log too)
SELECT j.seq, coalesce(a.epoch, 0), coalesce(a.output, ''), a.printed_bytes,
       CASE WHEN a.epoch IS NULL THEN j.state IN ('pending','assigned') ELSE a.end IS NULL END
FROM jobs AS j LEFT JOIN attempts AS a ON a.seq = j.seq
WHERE j.id = ?1 AND (?2 IS NULL OR a.epoch = ?2) ORDER BY a.epoch DESC LIMIT 1;

-- name: pieces
SELECT start, length(data) FROM printed WHERE seq = ? AND epoch = ? ORDER BY start;

-- name: pieces_from  (from the one on that has this byte, or the last one)
SELECT start, data FROM printed
WHERE seq = ?1 AND epoch = ?2 AND start >= coalesce(
  (SELECT max(start) FROM printed WHERE seq = ?1 AND epoch = ?2 AND start <= ?3), 0)
ORDER BY start;
