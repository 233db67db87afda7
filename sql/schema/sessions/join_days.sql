CREATE OR REPLACE FUNCTION market.join_days(days tstzmultirange) RETURNS tstzmultirange LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(range_agg(tstzrange(lower(part), upper(part) - INTERVAL '168 hours')), '{}')
    FROM (
        SELECT range_agg(tstzrange(lower(day), upper(day) + INTERVAL '168 hours')) AS parts FROM unnest(days) AS day
    ) AS longer
    CROSS JOIN LATERAL unnest(longer.parts) AS part
$$;
COMMENT ON FUNCTION market.join_days IS 'The same days, with what lies between two of them where that is a week or less: a day lost inside an import is missing.';
