-- The minutes of some instruments by session date, state by state as a heat map shows them: a partial candle is none, and is
-- counted by itself.
WITH hours AS MATERIALIZED (
    SELECT c.instrument_id, c.session_date, c.hour, c.expected, c.present, c.open, c.judged,
        c.expected & ~c.present & ~c.open AS silent
    FROM market.hour_coverage(:'dataset', :'cadence'::bit(60), :'starts'::timestamptz, :'ends'::timestamptz) AS c
    WHERE c.instrument_id = ANY (:'instrument_ids'::integer[]) AND c.session_date BETWEEN :'first'::date AND :'last'::date
)
SELECT
    n.instrument_key AS key, h.session_date,
    sum(bit_count(h.expected))::integer AS expected,
    sum(bit_count(h.present))::integer AS present,
    sum(bit_count(h.silent & h.judged))::integer AS explained,
    sum(bit_count(h.open & coalesce(p.partial, 0::bit(60))))::integer AS partial,
    sum(bit_count(h.open & ~coalesce(p.partial, 0::bit(60))))::integer AS missing,
    sum(bit_count(h.silent & ~h.judged))::integer AS not_judged
FROM hours AS h
JOIN market.instruments AS n USING (instrument_id)
LEFT JOIN market.candle_hours AS p
    ON p.dataset = :'dataset' AND p.instrument_id = h.instrument_id AND p.hour = h.hour
GROUP BY n.instrument_key, h.session_date
HAVING sum(bit_count(h.expected)) > 0
ORDER BY n.instrument_key, h.session_date;
