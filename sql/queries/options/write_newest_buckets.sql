-- How the newest bucket of each strike follows its minutes, in the transaction that writes them: all minutes in it are folded, as
-- the roll-up folds them. As in psql -v relation=newest_strikes_5m -v width='5 minutes' -v columns='instrument_id, …'
-- -v folds='instrument_id, …, max(call_high) AS call_high, …' -v stored='newest.expiry, …' -v given='EXCLUDED.expiry, …' …

-- step: delete_lost_buckets
-- Those in which a chain may have lost candles: what is left of them is folded again.
DELETE FROM market.:"relation" AS b
USING touched_chains AS t
WHERE b.instrument_id = t.underlying_id AND b.expires_at = t.expires_at AND b.contract = t.contract
    AND b.time = time_bucket(:'width'::interval, t.time);

-- step: upsert_newest_buckets
-- Of all strikes of the chains whose newest bucket lies in [starts, ends): what was written is in one of them, or not the newest.
WITH changed AS MATERIALIZED (
    SELECT n.instrument_id, n.expires_at, n.strike, n.contract, time_bucket(:'width'::interval, n.time) AS bucket
    FROM (SELECT DISTINCT underlying_id, expires_at, contract FROM touched_chains) AS t
    JOIN market.newest_strikes AS n
        ON n.instrument_id = t.underlying_id AND n.expires_at = t.expires_at AND n.contract = t.contract
    WHERE n.time >= :'starts'::timestamptz AND n.time < :'ends'::timestamptz
)
INSERT INTO market.:"relation" AS newest (:columns)
SELECT :folds
FROM (
    SELECT k.*
    FROM changed AS c
    JOIN market.strike_candles AS k
        ON k.instrument_id = c.instrument_id AND k.expires_at = c.expires_at AND k.strike = c.strike AND k.contract = c.contract
        AND k.time >= c.bucket AND k.time < c.bucket + :'width'::interval
        AND k.time >= :'starts'::timestamptz AND k.time < :'ends'::timestamptz
) AS minutes
GROUP BY instrument_id, expires_at, strike, contract, time_bucket(:'width'::interval, time)
ON CONFLICT (instrument_id, expires_at, strike, contract) DO UPDATE SET (:content) = ROW(:given)
WHERE (:stored) IS DISTINCT FROM (:given);
