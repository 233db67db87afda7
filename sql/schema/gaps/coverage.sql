CREATE OR REPLACE VIEW market.coverage AS
SELECT *, round((present + explained)::numeric / expected, 6) AS coverage
FROM (
    SELECT
        n.instrument_key, n.feed, c.session_date,
        sum(bit_count(c.expected)) AS expected,
        sum(bit_count(c.present)) AS present,
        sum(bit_count(c.expected & ~c.present & ~c.open & c.judged)) AS explained,
        sum(bit_count(c.open)) AS missing,
        sum(bit_count(c.expected & ~c.present & ~c.open & ~c.judged)) AS not_judged
    FROM market.hour_coverage('-infinity', (SELECT max(upper(stretches)) FROM market.judged_stretches)) AS c
    JOIN market.instruments AS n USING (instrument_id)
    WHERE bit_count(c.expected) > 0
    GROUP BY n.instrument_key, n.feed, c.session_date
) AS day;
COMMENT ON VIEW market.coverage IS 'Per instrument and session date, up to the last minute a gap monitor has judged: (present + explained) / expected. Missing is what was judged, and is open; what nobody has judged is neither.';
