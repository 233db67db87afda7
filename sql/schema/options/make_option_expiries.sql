CREATE OR REPLACE FUNCTION market.make_option_expiries() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH missing AS (
        SELECT
            w.underlying_id, w.expires_at, n.calendar, n.feed, to_char(w.expires_at AT TIME ZONE 'UTC', '"T"HH24MI') AS clock,
            format(
                '%s@%s-%s', min(split_part(o.instrument_key, '@', 1)), split_part(n.instrument_key, '@', 2),
                to_char(min(w.expiry), 'YYYYMMDD')
            ) AS name
        FROM written AS w
        JOIN market.instruments AS o ON o.instrument_id = w.instrument_id
        JOIN market.instruments AS n ON n.instrument_id = w.underlying_id
        WHERE NOT EXISTS (
            SELECT FROM market.option_expiries AS e WHERE e.underlying_id = w.underlying_id AND e.expires_at = w.expires_at
        )
        GROUP BY w.underlying_id, w.expires_at, n.instrument_key, n.calendar, n.feed
    ), keyed AS (
        -- Morning and evening of a day, and what shares a symbol, are distinguished where they meet.
        SELECT missing.*, missing.name || suffix || '@EXPIRY' AS key
        FROM missing
        CROSS JOIN LATERAL (
            SELECT suffix
            FROM unnest(ARRAY['', clock, format('%s-%s', clock, underlying_id)]) WITH ORDINALITY AS each (suffix, place)
            WHERE NOT EXISTS (SELECT FROM market.instruments AS n WHERE n.instrument_key = missing.name || suffix || '@EXPIRY')
                AND NOT EXISTS (
                    SELECT FROM missing AS other
                    WHERE other.name = missing.name AND (other.expires_at, other.underlying_id) < (missing.expires_at, missing.underlying_id)
                        AND (place = 1 OR (place = 2 AND other.clock = missing.clock))
                )
            ORDER BY place
            LIMIT 1
        ) AS free
    ), made AS (
        INSERT INTO market.instruments (instrument_key, calendar, feed, delisted_at)
        SELECT key, calendar, feed, expires_at FROM keyed ORDER BY key
        RETURNING instrument_id, instrument_key
    )
    INSERT INTO market.option_expiries (instrument_id, underlying_id, expires_at)
    SELECT made.instrument_id, keyed.underlying_id, keyed.expires_at
    FROM made JOIN keyed ON keyed.key = made.instrument_key;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.make_option_expiries IS 'Makes an instrument of each expiry that contracts name, as OPRA@GOOG-20151231@EXPIRY; with its time of the day where the key is taken.';
