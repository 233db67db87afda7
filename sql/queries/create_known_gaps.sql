-- What the ledger knows of the instruments of a share: their open gaps that lie in the window, or touch it: nothing is expected
-- between them and the window.
CREATE TEMPORARY TABLE known_gaps ON COMMIT DROP AS
WITH edges AS MATERIALIZED (
    SELECT
        calendar,
        coalesce(
            (
                SELECT upper(s.open_hours * tstzmultirange(tstzrange(NULL, :'starts'::timestamptz)))
                FROM market.sessions AS s
                WHERE s.calendar = each.calendar AND s.opens_at < :'starts'::timestamptz
                ORDER BY s.opens_at DESC LIMIT 1
            ),
            :'starts'::timestamptz
        ) AS closes_before,
        coalesce(
            (
                SELECT lower(s.open_hours * tstzmultirange(tstzrange(:'ends'::timestamptz, NULL)))
                FROM market.sessions AS s
                -- No session is as long as that; so the index is not read from its beginning.
                WHERE s.calendar = each.calendar AND s.closes_at > :'ends'::timestamptz
                    AND s.opens_at > :'ends'::timestamptz - INTERVAL '7 days'
                ORDER BY s.opens_at LIMIT 1
            ),
            :'ends'::timestamptz
        ) AS opens_beyond
    FROM (
        SELECT DISTINCT calendar FROM market.instruments
        WHERE instrument_id BETWEEN :'first'::integer AND :'last'::integer
    ) AS each
)
SELECT g.*, n.calendar, whole.life
FROM market.gaps AS g
JOIN market.instruments AS n USING (instrument_id)
JOIN market.lives AS whole USING (instrument_id)
JOIN edges USING (calendar)
WHERE g.dataset = :'dataset' AND whole.dataset = :'dataset' AND g.healed_at IS NULL AND g.instrument_id BETWEEN :'first'::integer AND :'last'::integer
    -- Hours may open within a minute, which is expected from the next one on.
    AND g.starts < edges.opens_beyond + INTERVAL '1 minute' AND g.ends >= edges.closes_before;
