-- Ends sessions that still hold the lock of the policies though they have been idle for minutes, and counts them. A keeper is
-- never idle that long: its function was stopped, or its network cut, and the server would notice only after hours. Waits up to five
-- seconds for each to be gone, and its lock with it.
SELECT count(pg_terminate_backend(l.pid, 5000))
FROM pg_locks AS l
JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint::bit(32) || l.objid::bigint::bit(32))::bit(64)::bigint = hashtext('market.policies')
    AND a.state = 'idle' AND a.state_change < now() - :'idle'::interval AND pg_has_role(a.usename, 'USAGE');
