-- An instrument's history, of its daily candles: those are kept when minutes are dropped. One row.
SELECT
    coalesce(sum(minutes + partial_minutes), 0)::bigint AS minutes, count(*) AS days,
    min(time)::date AS first_day, max(time)::date AS last_day,
    (SELECT min(time) FROM market.candles_1d_parts WHERE instrument_id = :'instrument_id'::integer) AS first_minute,
    (
        SELECT time FROM market.candles WHERE instrument_id = :'instrument_id'::integer ORDER BY time DESC LIMIT 1
    ) AS last_minute,
    (array_agg(high ORDER BY high DESC, time))[1] AS high, (array_agg(time::date ORDER BY high DESC, time))[1] AS high_day,
    (array_agg(low ORDER BY low, time))[1] AS low, (array_agg(time::date ORDER BY low, time))[1] AS low_day,
    -- numeric / numeric alone keeps as few as 16 significant digits.
    market.average(sum(close), count(*)) AS average_close,
    market.average(sum(close * volume), sum(volume)) AS weighted_close,
    coalesce(sum(volume), 0) AS volume
FROM market.candles_1d
WHERE instrument_id = :'instrument_id'::integer;
