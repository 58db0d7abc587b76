-- Members with two lots each, through the function that is measured. :members is set by the caller.
INSERT INTO members (id, phone, name, registered_at, tier_since)
SELECT i, '+86138' || lpad(i::text, 8, '0'), 'Member ' || i, now(), now()
  FROM generate_series(1, :members) AS i;
SELECT count((earn(i, 'acme', 'seed-1-' || i, 3000.00, 'book', now() - interval '1 year')).seq)
  FROM generate_series(1, :members) AS i;
VACUUM ANALYZE;
-- Recycles the log's segments, so that the measured writes need not create them; no other checkpoint is
-- due within the run.
CHECKPOINT;
-- Touches every page of members and lots, so that their full images are in the log before the measurement.
SELECT count((earn(i, 'acme', 'seed-2-' || i, 3000.00, 'book')).seq)
  FROM generate_series(1, :members) AS i;
VACUUM ANALYZE;
