-- What each expiry of an underlying comes to at some moments, in order; those of one :expiry alone, where it is given.
SELECT
    time, expiry, forward, atm_strike, atm_iv, straddle, expected_move, skew_25d, pcr_volume, pcr_oi, max_pain,
    call_volume, put_volume, call_oi, put_oi, oi_coverage, contract, expires_at
FROM market.expiry_metrics_at(:'underlying_id'::integer, :'moments'::timestamptz[])
WHERE :'expiry'::date IS NULL OR expiry = :'expiry'::date
ORDER BY time, expires_at, contract;
