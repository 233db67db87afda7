-- The newest session dates up to :last of some calendars that a gap monitor has looked at, and where the newest look ended.
SELECT DISTINCT s.session_date, (SELECT max(ends) FROM market.scans) AS judged_until
FROM market.sessions AS s
WHERE s.calendar = ANY (:'calendars'::text[]) AND s.session_date <= :'last'::date
    AND EXISTS (SELECT FROM market.scans AS scan WHERE scan.starts < s.closes_at AND scan.ends > s.opens_at)
ORDER BY s.session_date DESC
LIMIT :'days'::bigint;
