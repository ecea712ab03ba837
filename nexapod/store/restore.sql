-- Makes a backup ready to go on from: no epoch that was ever given out since can match again.
-- :raise is added to every epoch, :at is now, :backup names the file.

-- The nodes that hold these lost them with the restore; no node is to blame for that.
INSERT INTO tallies (name, count)
SELECT 'node:lost:' || node, count(*) FROM attempts WHERE end IS NULL GROUP BY node
ON CONFLICT (name) DO UPDATE SET count = count + excluded.count;

UPDATE attempts SET end = 'lost', ended_at = :at WHERE end IS NULL;

UPDATE jobs SET state = 'pending', node = NULL, started_at = NULL, not_before = NULL,
                epoch = epoch + :raise
WHERE state IN ('pending','assigned');

UPDATE meta SET value = cast(cast(value AS INTEGER) + :raise AS TEXT) WHERE name = 'first_epoch';

INSERT INTO audit (at, actor, address, action, subject, detail)
VALUES (:at, 'owner', '', 'restore', :backup, '{}');
