-- What each expiry of an underlying comes to at some moments, in order; where :expires_at is given, these expiries alone. As in
-- psql -v underlying_id=1 -v moments='{2026-03-02T15:00Z}' -v expires_at='{2026-03-20T20:00Z}' ...
SELECT
    time, expiry, forward, atm_strike, atm_iv, straddle, expected_move, skew_25d, pcr_volume, pcr_oi, max_pain,
    call_volume, put_volume, call_oi, put_oi, oi_coverage, contract, expires_at
FROM market.expiry_metrics_at(:'underlying_id'::integer, :'moments'::timestamptz[], :'expires_at'::timestamptz[])
ORDER BY time, expires_at, contract;
