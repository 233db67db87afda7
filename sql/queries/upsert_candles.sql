-- The one rule of who replaces whom: writes incoming_candles, all inside one window, into market.candles.
-- An incoming candle wins when its version is higher, when the stored one is partial and it is not, or when the
-- version is equal and the content differs. A candle made of ticks that stands where another such candle stood is that
-- candle recomputed, and keeps its source. What does not win is never touched: ON CONFLICT alone would lock the row,
-- which writes to it.
WITH contested AS (
    SELECT
        i.instrument_id, i.time, i.open, i.high, i.low, i.close, i.volume, i.turnover, i.trades, i.price_eligible, i.partial,
        CASE WHEN recomputed.is_so THEN stored.source ELSE i.source END AS source,
        CASE WHEN recomputed.is_so THEN stored.version ELSE i.version END AS version,
        stored.version AS stored_version,
        stored.partial AS stored_partial,
        (i.open, i.high, i.low, i.close, i.volume, i.turnover, i.trades, i.price_eligible, i.partial)
            IS DISTINCT FROM
        (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.turnover, stored.trades,
         stored.price_eligible, stored.partial) AS differs
    FROM incoming_candles AS i
    LEFT JOIN market.candles AS stored
        ON stored.instrument_id = i.instrument_id AND stored.time = i.time
        AND stored.time >= :'starts'::timestamptz AND stored.time < :'ends'::timestamptz
    CROSS JOIN LATERAL (
        SELECT i.source <> 'vendor_historical' AND stored.source <> 'vendor_historical' AS is_so
    ) AS recomputed
    LEFT JOIN touched_buckets AS b ON b.instrument_id = i.instrument_id AND b.bucket = i.time
    WHERE i.open IS NOT NULL
        -- Fewer ticks than the candle was made of, though none was taken away: retention dropped the others. Where nobody
        -- watched, or all ticks are new, the chunk tells: younger than the candle, it holds none of those.
        AND (
            -- False rather than null for a candle that is new: nothing after it is looked up then.
            stored.version IS NOT NULL AND recomputed.is_so AND NOT b.removed AND (
                (i.trades < stored.trades AND NOT b.tampered)
                OR ((i.trades < stored.trades OR i.trades <= b.ticks) AND market.tick_chunk_since(i.time) > stored.updated_at)
            )
        ) IS NOT TRUE
        -- Without a new tick there is no reason to put half a minute of ours in the place of a vendor's whole one.
        AND (i.partial AND NOT stored.partial AND stored.source = 'vendor_historical' AND b.ticks = 0) IS NOT TRUE
), winners AS (
    SELECT * FROM contested
    WHERE stored_version IS NULL
        OR version > stored_version
        OR (stored_partial AND NOT partial)
        OR (version = stored_version AND differs)
), stamps AS MATERIALIZED (  -- once per calendar and minute, not per candle
    SELECT minute.calendar, minute.time, stamp.session_date, stamp.extended
    FROM (SELECT DISTINCT n.calendar, w.time FROM winners AS w JOIN market.instruments AS n USING (instrument_id)) AS minute
    CROSS JOIN LATERAL market.session_stamp(minute.calendar, minute.time) AS stamp
), written AS (
    INSERT INTO market.candles AS stored (
        instrument_id, time, open, high, low, close, volume, turnover, trades, price_eligible, partial,
        session_date, extended, source, version
    )
    SELECT
        w.instrument_id, w.time, w.open, w.high, w.low, w.close, w.volume, w.turnover, w.trades, w.price_eligible, w.partial,
        s.session_date, s.extended, w.source, w.version
    FROM winners AS w
    JOIN market.instruments AS n USING (instrument_id)
    JOIN stamps AS s ON s.calendar = n.calendar AND s.time = w.time
    ON CONFLICT (instrument_id, time) DO UPDATE SET
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        volume = excluded.volume, turnover = excluded.turnover, trades = excluded.trades,
        price_eligible = excluded.price_eligible, partial = excluded.partial,
        session_date = excluded.session_date, extended = excluded.extended,
        source = excluded.source, version = excluded.version,
        revision = stored.revision + 1, updated_at = now()
    RETURNING revision
)
SELECT
    count(*) FILTER (WHERE revision = 0) AS written,
    count(*) FILTER (WHERE revision > 0) AS revised
FROM written;
