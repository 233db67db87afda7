-- The first :most one-minute candles of an instrument in [starts, ends), or with :backward the newest, in order; partial ones
-- only if :partial_too. Each branch stops at its limit. As in psql -v instrument=1
-- -v between="time >= '2026-03-02Z' AND time < '2026-03-03Z'" ...; of read_pages_of_many both are each instrument's own.
SELECT
    time, open, high, low, close, volume,
    -- numeric / numeric alone keeps as few as 16 significant digits.
    market.average(turnover, volume) AS vwap,
    trades, CASE WHEN partial THEN 0 ELSE 1 END AS minutes, NULL::bigint AS expected, partial,
    time + INTERVAL '1 minute' <= :'at'::timestamptz AS closed, false AS filled, source::text AS sources, price_eligible,
    revision, version, source::text AS source
FROM (
    (
        SELECT * FROM market.candles
        WHERE NOT :'backward'::boolean AND instrument_id = :instrument
            AND :between
            AND (:'partial_too'::boolean OR NOT partial)
        ORDER BY time LIMIT :'most'::bigint
    )
    UNION ALL
    (
        SELECT * FROM market.candles
        WHERE :'backward'::boolean AND instrument_id = :instrument
            AND :between
            AND (:'partial_too'::boolean OR NOT partial)
        ORDER BY time DESC LIMIT :'most'::bigint
    )
) AS page
ORDER BY time;
