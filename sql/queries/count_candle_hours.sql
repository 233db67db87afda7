-- Counts the taken hours anew, from the rows of a data set that stand in them now, as in psql -v relation=candles.
INSERT INTO market.candle_hours AS known (dataset, instrument_id, hour, complete, partial, trades)
SELECT :'dataset', taken.instrument_id, taken.hour, counted.complete, counted.partial, counted.trades
FROM taken_hours AS taken
CROSS JOIN LATERAL (
    SELECT
        coalesce(bit_or(minute.bit) FILTER (WHERE NOT c.partial), 0)::bit(60) AS complete,
        coalesce(bit_or(minute.bit) FILTER (WHERE c.partial), 0)::bit(60) AS partial,
        CASE WHEN count(*) = count(c.trades) THEN coalesce(sum(c.trades), 0)::bigint END AS trades
    FROM market.:"relation" AS c
    CROSS JOIN LATERAL (SELECT 1::bigint << (59 - date_part('minute', c.time AT TIME ZONE 'UTC')::integer) AS bit) AS minute
    WHERE c.instrument_id = taken.instrument_id AND c.time >= taken.hour AND c.time < taken.hour + INTERVAL '1 hour'
        -- Said again as constants, so that chunks are excluded while planning.
        AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
) AS counted
ON CONFLICT (dataset, instrument_id, hour) DO UPDATE
SET complete = excluded.complete, partial = excluded.partial, trades = excluded.trades
WHERE (known.complete, known.partial, known.trades) IS DISTINCT FROM (excluded.complete, excluded.partial, excluded.trades);
