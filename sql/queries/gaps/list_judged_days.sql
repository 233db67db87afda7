-- The newest session dates up to :last of which a gap monitor has judged any of some instruments (null: of all), and where the newest
-- look at them ended.
WITH judged AS MATERIALIZED (
    SELECT n.calendar, range_agg(j.stretches) AS stretches
    FROM market.judged_stretches AS j
    JOIN market.instruments AS n USING (instrument_id)
    WHERE j.dataset = :'dataset' AND (:'instrument_ids'::integer[] IS NULL OR instrument_id = ANY (:'instrument_ids'::integer[]))
    GROUP BY n.calendar
)
SELECT DISTINCT s.session_date, (SELECT max(upper(stretches)) FROM judged) AS judged_until
FROM market.sessions AS s
JOIN judged AS j USING (calendar)
WHERE s.session_date <= :'last'::date AND j.stretches && tstzrange(s.opens_at, s.closes_at)
ORDER BY s.session_date DESC
LIMIT :'days'::bigint;
