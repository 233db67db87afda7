-- What each instrument that was quiet at all trades: at each hour of the day, and over all (hour_of_day null).
CREATE TEMPORARY TABLE trade_rates ON COMMIT DROP AS
WITH quiet AS MATERIALIZED (
    SELECT instrument_id, date_part('hour', hour)::integer AS hour_of_day, sum(bit_count(missing)) AS missing
    FROM missing_hours
    GROUP BY 1, 2
    HAVING sum(bit_count(quiet)) > 0
), traded AS (
    SELECT
        instrument_id, date_part('hour', hour)::integer AS hour_of_day,
        sum(trades) AS trades, count(*) FILTER (WHERE trades IS NULL) AS untold
    FROM market.candle_hours
    WHERE hour > :'starts'::timestamptz - INTERVAL '1 hour' AND hour < :'ends'::timestamptz
        AND instrument_id BETWEEN :'first'::integer AND :'last'::integer
        AND instrument_id IN (SELECT instrument_id FROM quiet)
    GROUP BY 1, 2
), at_hour AS MATERIALIZED (
    SELECT
        e.instrument_id, e.hour_of_day,
        -- Null where a candle does not tell its trades.
        CASE WHEN coalesce(t.untold, 0) = 0 THEN coalesce(t.trades, 0) END AS trades,
        e.alive - coalesce(q.missing, 0) AS present,
        e.alive AS minutes
    FROM expected_hours AS e
    LEFT JOIN traded AS t USING (instrument_id, hour_of_day)
    LEFT JOIN quiet AS q USING (instrument_id, hour_of_day)
    WHERE e.instrument_id IN (SELECT instrument_id FROM quiet)
)
SELECT instrument_id, hour_of_day, trades, present::bigint AS present, minutes::bigint AS minutes FROM at_hour
UNION ALL
SELECT
    instrument_id, NULL, CASE WHEN count(*) = count(trades) THEN sum(trades) END, sum(present)::bigint, sum(minutes)::bigint
FROM at_hour
GROUP BY instrument_id;
