-- Minutes of some instruments by session date. Silence is explained where a gap monitor has judged it and opened no gap.
WITH hours AS MATERIALIZED (
    -- The function is inlined, so that the choice of instruments reaches into it; materialized, since each mention of
    -- its column `open` would look into the ledger again.
    SELECT instrument_id, session_date, hour, expected, present, open
    FROM market.hour_coverage(:'starts'::timestamptz, :'ends'::timestamptz)
    WHERE instrument_id = ANY (:'instrument_ids'::integer[]) AND session_date BETWEEN :'first'::date AND :'last'::date
), judged AS (
    -- To the minute: a monitor that has looked at half an hour has judged that half.
    SELECT
        hour, bit_or(market.minute_mask(market.minute_of(hour, scan.starts), market.minute_of(hour, scan.ends))) AS minutes
    FROM (SELECT DISTINCT hour FROM hours) AS each
    JOIN market.scans AS scan ON scan.starts < hour + INTERVAL '1 hour' AND scan.ends > hour
    GROUP BY hour
)
SELECT
    n.instrument_key AS key, n.feed, h.session_date,
    sum(bit_count(h.expected))::integer AS expected,
    sum(bit_count(h.present))::integer AS present,
    sum(bit_count(h.expected & ~h.present & ~h.open & coalesce(j.minutes, 0::bit(60))))::integer AS explained,
    sum(bit_count(h.expected & ~h.present & ~h.open & ~coalesce(j.minutes, 0::bit(60))))::integer AS unjudged
FROM hours AS h
JOIN market.instruments AS n USING (instrument_id)
LEFT JOIN judged AS j USING (hour)
GROUP BY n.instrument_key, n.feed, h.session_date
HAVING sum(bit_count(h.expected)) > 0
ORDER BY n.instrument_key, h.session_date;
