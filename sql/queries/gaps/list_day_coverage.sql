-- Minutes of some instruments by session date. Silence is explained where a gap monitor has judged it and opened no gap.
WITH hours AS MATERIALIZED (
    -- The function is inlined, so that the choice of instruments reaches into it; materialized, since each mention of
    -- its column `open` would look into the ledger again.
    SELECT instrument_id, session_date, expected, present, open, expected & ~present & ~open AS silent, judged
    FROM market.hour_coverage(:'dataset', :'cadence'::bit(60), :'starts'::timestamptz, :'ends'::timestamptz)
    WHERE instrument_id = ANY (:'instrument_ids'::integer[]) AND session_date BETWEEN :'first'::date AND :'last'::date
)
SELECT
    n.instrument_key AS key, n.feed, h.session_date,
    sum(bit_count(h.expected))::integer AS expected,
    sum(bit_count(h.present))::integer AS present,
    sum(bit_count(h.silent & h.judged))::integer AS explained,
    sum(bit_count(h.open))::integer AS missing,
    sum(bit_count(h.silent & ~h.judged))::integer AS not_judged
FROM hours AS h
JOIN market.instruments AS n USING (instrument_id)
GROUP BY n.instrument_key, n.feed, h.session_date
HAVING sum(bit_count(h.expected)) > 0
ORDER BY n.instrument_key, h.session_date;
