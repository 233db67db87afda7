-- What chains of an underlying come from beyond its strike candles: its contracts, when they were listed, and the candles that the
-- volume of a session is made of, with when it opened, of a week and a day up to :at, or to the newest minute. No row while marks wait
-- of minutes up to then: what they mark, as open interest, may show already, and is in no strike candle yet.
-- As in psql -v underlying_id=1 -v at=
WITH asked AS (
    SELECT coalesce(:'at'::timestamptz, max(time) + INTERVAL '1 minute') AS ends
    FROM market.newest_strikes WHERE instrument_id = :'underlying_id'::integer
), listed AS (
    SELECT count(*) AS contracts, max(instrument_id) AS newest
    FROM market.option_contracts WHERE underlying_id = :'underlying_id'::integer
), since AS (
    -- Few contracts have it.
    SELECT sum(hashtextextended(concat_ws(' ', n.instrument_id, extract(epoch FROM n.listed_at)), 0)) AS hashes
    FROM market.instruments AS n
    JOIN market.option_contracts AS c USING (instrument_id)
    WHERE n.listed_at IS NOT NULL AND c.underlying_id = :'underlying_id'::integer
)
SELECT concat_ws(' ', listed.contracts, listed.newest, coalesce(since.hashes, 0), coalesce((
    SELECT sum(extract(epoch FROM s.opens_at))
    FROM market.sessions AS s
    JOIN market.instruments AS n USING (calendar)
    WHERE n.instrument_id = :'underlying_id'::integer
        AND s.opens_at >= asked.ends - INTERVAL '8 days' AND s.opens_at < asked.ends
), 0), coalesce((
    SELECT sum(v.version)
    -- By the key, a share at a time.
    FROM generate_series(0, 63) AS share
    JOIN market.hour_versions AS v ON v.dataset = 'candles' AND v.share = share.share
        AND v.hour >= asked.ends - INTERVAL '8 days' AND v.hour < asked.ends
), 0)) AS fingerprint
FROM asked CROSS JOIN listed CROSS JOIN since
WHERE NOT EXISTS (SELECT FROM market.dirty AS d WHERE d.dataset = 'strike_candles' AND d.bucket < asked.ends);
