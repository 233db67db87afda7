-- Minutes with ticks that wait to be aggregated, as the marks tell.
CREATE TEMPORARY TABLE waiting_hours ON COMMIT DROP AS
SELECT
    marked.instrument_id,
    date_bin('1 hour', bucket, '2000-01-01 00:00Z') AS hour,
    bit_or(1::bigint << (59 - date_part('minute', bucket AT TIME ZONE 'UTC')::integer))::bit(60) AS minutes
FROM market.dirty
CROSS JOIN unnest(instrument_ids, ticks) AS marked (instrument_id, ticks)
WHERE dataset = :'dataset' AND bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz AND marked.ticks > 0
GROUP BY 1, 2;
