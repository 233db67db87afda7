-- What each instrument that was quiet at all trades: at each hour of the day, and over all (hour_of_day null). Of the expected
-- minutes in which the feed lived, all are present but those it was quiet in, or that a vendor explained.
CREATE TEMPORARY TABLE trade_rates ON COMMIT DROP AS
WITH silent AS MATERIALIZED (
    SELECT
        instrument_id, date_part('hour', hour)::integer AS hour_of_day,
        sum(bit_count(quiet | explained)) AS minutes, sum(bit_count(quiet)) > 0 AS was_quiet
    FROM missing_hours
    GROUP BY 1, 2
), quiet AS MATERIALIZED (
    SELECT DISTINCT instrument_id FROM silent WHERE was_quiet
), traded AS (
    SELECT
        instrument_id, date_part('hour', hour)::integer AS hour_of_day,
        sum(trades) AS trades, count(*) FILTER (WHERE trades IS NULL) AS untold
    FROM market.candle_hours
    WHERE dataset = :'dataset' AND hour > :'starts'::timestamptz - INTERVAL '1 hour' AND hour < :'ends'::timestamptz
        AND instrument_id BETWEEN :'first'::integer AND :'last'::integer
        AND instrument_id IN (SELECT instrument_id FROM quiet)
    GROUP BY 1, 2
), at_hour AS MATERIALIZED (
    SELECT
        e.instrument_id, e.hour_of_day,
        -- Null where a candle does not tell its trades.
        CASE WHEN coalesce(t.untold, 0) = 0 THEN coalesce(t.trades, 0) END AS trades,
        e.alive - coalesce(s.minutes, 0) AS present,
        e.alive AS minutes
    FROM expected_hours AS e
    LEFT JOIN traded AS t USING (instrument_id, hour_of_day)
    LEFT JOIN silent AS s USING (instrument_id, hour_of_day)
    WHERE e.instrument_id IN (SELECT instrument_id FROM quiet)
)
SELECT instrument_id, hour_of_day, trades, present::bigint AS present, minutes::bigint AS minutes FROM at_hour
UNION ALL
SELECT
    instrument_id, NULL, CASE WHEN count(*) = count(trades) THEN sum(trades) END, sum(present)::bigint, sum(minutes)::bigint
FROM at_hour
GROUP BY instrument_id;
