-- When contracts of an underlying expire, in order, each with the newest minute that its strikes have a candle of: a probe of
-- each index an expiry, as its contracts are many.
WITH RECURSIVE expiring AS (
    (
        SELECT expires_at, expiry FROM market.option_contracts
        WHERE underlying_id = :'underlying_id'::integer
        ORDER BY expires_at LIMIT 1
    )
    UNION ALL
    SELECT next.expires_at, next.expiry
    FROM expiring AS before
    CROSS JOIN LATERAL (
        SELECT expires_at, expiry FROM market.option_contracts
        WHERE underlying_id = :'underlying_id'::integer AND expires_at > before.expires_at
        ORDER BY expires_at LIMIT 1
    ) AS next
)
SELECT
    e.expiry, e.expires_at,
    (
        SELECT max(n.time) FROM market.newest_strikes AS n
        WHERE n.instrument_id = :'underlying_id'::integer AND n.expires_at = e.expires_at
    ) AS newest
FROM expiring AS e
ORDER BY e.expires_at;
