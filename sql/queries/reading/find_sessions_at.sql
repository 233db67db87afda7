-- A calendar at a moment: the session date that began last, and the first whose last minute, that of the closing auction, is
-- not over: unless the next session opens in it. Null where the calendar knows none.
SELECT
    (
        SELECT session_date FROM market.sessions
        WHERE calendar = :'calendar' AND opens_at <= :'at'::timestamptz
        ORDER BY opens_at DESC LIMIT 1
    ) AS begun,
    (
        SELECT s.session_date FROM market.sessions AS s
        -- Hours are never a week long.
        WHERE s.calendar = :'calendar' AND s.opens_at > :'at'::timestamptz - INTERVAL '8 days'
            AND s.closes_at + INTERVAL '1 minute' > :'at'::timestamptz
            AND NOT (s.closes_at <= :'at'::timestamptz AND EXISTS (
                SELECT FROM market.sessions AS next
                WHERE next.calendar = s.calendar AND next.opens_at = s.closes_at
            ))
        ORDER BY s.opens_at LIMIT 1
    ) AS first_open;
