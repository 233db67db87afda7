-- Each holder lets go at the end of the one statement that took it, or of its session. A session that was idle before
-- somebody began to wait has forgotten it: a pooler gave its client another one after an error.
CREATE OR REPLACE FUNCTION market.end_forgetful_refresher(aggregate text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_terminate_backend(l.pid)
    FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid() AND l.objsubid = 2
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.classid::bigint, l.objid::bigint) = (
            hashtext('market.refresh')::bigint & 4294967295, hashtext(aggregate)::bigint & 4294967295
        )
        AND a.state = 'idle' AND a.state_change < now() AND pg_has_role(a.usename, 'USAGE')
$$;
COMMENT ON FUNCTION market.end_forgetful_refresher IS 'Ends a session that still holds the refresh lock of an aggregate, though it has been idle since before this transaction began.';
