CREATE OR REPLACE FUNCTION market.is_expected(calendar_name text, minute timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM market.sessions AS s
        WHERE s.calendar = calendar_name AND s.opens_at <= minute AND s.closes_at > minute AND s.open_hours @> minute
    )
$$;
COMMENT ON FUNCTION market.is_expected IS 'Whether a minute starts in open hours; the minute of the closing auction does not.';
