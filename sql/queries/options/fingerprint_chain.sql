-- What chains of an underlying depend on beyond its strike candles: its contracts, and the candles of a week and a day up to :at,
-- or to the newest minute, which the volume of a session is made of. No row while marks of minutes up to then wait: a chain may
-- show already what they stand for, as open interest, and no strike candle has it yet. As in psql -v underlying_id=1 -v at=
WITH asked AS (
    SELECT coalesce(:'at'::timestamptz, max(time) + INTERVAL '1 minute') AS ends
    FROM market.newest_strikes WHERE instrument_id = :'underlying_id'::integer
), listed AS (
    SELECT count(*) AS contracts, max(instrument_id) AS newest
    FROM market.option_contracts WHERE underlying_id = :'underlying_id'::integer
)
SELECT concat_ws(' ', listed.contracts, listed.newest, coalesce((
    SELECT sum(v.version)
    -- By the key, a share at a time.
    FROM generate_series(0, 63) AS share
    JOIN market.hour_versions AS v ON v.dataset = 'candles' AND v.share = share.share
        AND v.hour >= asked.ends - INTERVAL '8 days' AND v.hour < asked.ends
), 0)) AS fingerprint
FROM asked CROSS JOIN listed
WHERE NOT EXISTS (SELECT FROM market.dirty AS d WHERE d.dataset = 'strike_candles' AND d.bucket < asked.ends);
