-- Waits until no other session migrates; this one keeps the lock to its end.
SELECT pg_advisory_lock(hashtext('chandlery migrate'));
