-- Nobody counts hours or looks for gaps meanwhile.
SELECT pg_advisory_xact_lock(hashtext('market.gaps'));
DROP FUNCTION IF EXISTS market.instruments_of(text, text);
DROP VIEW IF EXISTS market.brought;
-- As the older code has them: these read what goes.
CREATE OR REPLACE VIEW market.option_minutes AS
SELECT instrument_id, time, false AS partial, NULL::bigint AS trades, 'strike_candles' AS source
FROM market.strike_candles GROUP BY instrument_id, time;
-- What market.instruments tells, it tells of candles: as a constant, by which one branch or the other is left out while
-- planning.
CREATE OR REPLACE VIEW market.lives AS
SELECT
    n.instrument_id,
    CASE
        WHEN coalesce(n.listed_at, n.data_from) IS NULL OR n.delisted_at <= coalesce(n.listed_at, n.data_from) THEN '{}'
        ELSE tstzmultirange(tstzrange(coalesce(n.listed_at, n.data_from), n.delisted_at))
    END * CASE
        WHEN feed.live_since IS NOT NULL
        THEN n.history + tstzmultirange(tstzrange(least(feed.live_since, n.listed_at), NULL))
        WHEN feed.has_history THEN n.history
        ELSE '{(,)}'
    END AS life,
    'candles' COLLATE "C" AS dataset
FROM market.instruments AS n
JOIN (
    SELECT feed, min(live_since) AS live_since, bool_or(history <> '{}') AS has_history
    FROM market.instruments GROUP BY feed
) AS feed USING (feed)
-- An option trades when it trades: its silence tells nothing.
WHERE NOT EXISTS (SELECT FROM market.option_contracts AS o WHERE o.instrument_id = n.instrument_id)
UNION ALL
SELECT
    n.instrument_id,
    CASE
        WHEN n.delisted_at <= since.moment THEN '{}'
        ELSE tstzmultirange(tstzrange(since.moment, n.delisted_at))
    END,
    k.dataset
FROM market.known_data AS k
JOIN market.instruments AS n USING (instrument_id)
CROSS JOIN LATERAL (SELECT greatest(k.data_from, n.listed_at) AS moment) AS since;
COMMENT ON VIEW market.lives IS 'When candles are expected of each instrument, by its listing or first candle: since its feed is live, and on the days of its history. Of a feed without any data, since the listing. Rows of other data sets: since the first of them. Of option contracts, none.';
DROP VIEW IF EXISTS market.parts;
DROP TRIGGER make_inserted_expiries ON market.option_contracts;
DROP TRIGGER make_updated_expiries ON market.option_contracts;
DROP FUNCTION IF EXISTS market.make_option_expiries();
ALTER TABLE market.option_contracts DROP CONSTRAINT option_contracts_underlying_id_expires_at_fkey;
ALTER TABLE market.known_data DROP COLUMN live_since, DROP COLUMN history;
DELETE FROM market.marks WHERE dataset = 'strike_candles' AND work = 'count';
INSERT INTO market.marks (dataset, work, hour, instrument_ids)
SELECT 'strike_candles', 'count', h.hour, array_agg(DISTINCT e.underlying_id)
FROM market.candle_hours AS h JOIN market.option_expiries AS e USING (instrument_id)
WHERE h.dataset = 'strike_candles' GROUP BY h.hour;
DELETE FROM market.candle_hours WHERE dataset = 'strike_candles';
DELETE FROM market.known_data WHERE dataset = 'strike_candles';
DELETE FROM market.gaps WHERE dataset = 'strike_candles';
DELETE FROM market.judged WHERE dataset = 'strike_candles';
DELETE FROM market.reaches WHERE dataset = 'strike_candles';
DELETE FROM market.scans WHERE dataset = 'strike_candles';
DELETE FROM market.instruments WHERE instrument_id IN (SELECT instrument_id FROM market.option_expiries);
DROP TABLE market.option_expiries;
