-- The lock of the ledger makes it sure that no scan of the former sessions is under way, to judge what it has not seen.
CREATE OR REPLACE FUNCTION market.forget_judged_sessions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('market.gaps'));
    UPDATE market.judged AS j
    SET stretches = known.stretches - come.stretches, share = NULL, since = NULL
    FROM (
        SELECT calendar, range_agg(tstzrange(opens_at, closes_at)) AS stretches FROM changed GROUP BY calendar
    ) AS come, market.judged_stretches AS known
    WHERE j.calendar = come.calendar AND known.instrument_id = j.instrument_id
        AND known.dataset = j.dataset AND known.component = j.component
        AND known.stretches && come.stretches;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.forget_judged_sessions IS 'What a session makes expected was judged by nobody yet.';
