-- Expiries of options: an expiry whose every strike falls silent is missed, whatever the others do.

-- Nobody adds contracts, counts hours or looks for gaps meanwhile.
SELECT pg_advisory_xact_lock(hashtext('market.gaps'));
LOCK TABLE market.option_contracts IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE market.option_expiries (
    instrument_id integer PRIMARY KEY REFERENCES market.instruments ON DELETE CASCADE,
    underlying_id integer NOT NULL REFERENCES market.instruments,
    expires_at timestamptz NOT NULL CHECK (isfinite(expires_at)),
    UNIQUE (underlying_id, expires_at)
);
COMMENT ON TABLE market.option_expiries IS 'The expiries of each underlying, each an instrument of its own: presence, gaps and coverage of strike candles are kept under it.';

-- The function of the triggers, as this migration needs it: no contract may come without its expiry.
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
        -- Morning and evening of a day, and what shares a symbol, are told apart where they meet.
        SELECT missing.*, name || suffix || '@EXPIRY' AS key
        FROM missing
        CROSS JOIN LATERAL (
            SELECT suffix
            FROM unnest(ARRAY['', clock, format('%s-%s', clock, underlying_id)]) WITH ORDINALITY AS each (suffix, place)
            WHERE NOT EXISTS (SELECT FROM market.instruments AS n WHERE n.instrument_key = name || suffix || '@EXPIRY')
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

CREATE TRIGGER make_inserted_expiries AFTER INSERT ON market.option_contracts
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.make_option_expiries();
CREATE TRIGGER make_updated_expiries AFTER UPDATE ON market.option_contracts
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.make_option_expiries();
-- Those of the contracts there are.
UPDATE market.option_contracts SET expires_at = expires_at;
-- Deferred: the trigger makes them once the statement is through. A restore of data fills expiries first, and makes none.
ALTER TABLE market.option_contracts
    ADD FOREIGN KEY (underlying_id, expires_at) REFERENCES market.option_expiries (underlying_id, expires_at)
    DEFERRABLE INITIALLY DEFERRED;

-- Since when rows of other data sets are expected: as market.instruments tells it of candles.
ALTER TABLE market.known_data
    ADD COLUMN live_since timestamptz,
    ADD COLUMN history tstzmultirange NOT NULL DEFAULT '{}';
COMMENT ON COLUMN market.known_data.live_since IS 'The earliest hour with a row that no import brought: from here on rows are expected.';
COMMENT ON COLUMN market.known_data.history IS 'The sessions of what was imported: rows are expected in these as well.';

-- What was known of strike candles was known by the underlying; all hours are counted again.
DELETE FROM market.marks WHERE dataset = 'strike_candles' AND work = 'count';
INSERT INTO market.marks (dataset, work, hour, instrument_ids)
SELECT 'strike_candles', 'count', hour, array_agg(instrument_id)
FROM market.candle_hours WHERE dataset = 'strike_candles' GROUP BY hour;
DELETE FROM market.candle_hours WHERE dataset = 'strike_candles';
DELETE FROM market.known_data WHERE dataset = 'strike_candles';
DELETE FROM market.gaps WHERE dataset = 'strike_candles';
DELETE FROM market.judged WHERE dataset = 'strike_candles';
DELETE FROM market.reaches WHERE dataset = 'strike_candles';
DELETE FROM market.scans WHERE dataset = 'strike_candles';
