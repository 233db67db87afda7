-- The first :most strike candles of an underlying in [starts, ends) in order of time, expiry, strike and contract; or the newest,
-- where :ordered goes downwards and :beyond is below. Each condition after the time holds where it is given. By strike through the
-- primary key, by rank through the index for it: psql -v relation=strike_candles -v columns='time, strike, call_close'
-- -v ordered='time, expires_at, strike, contract' -v beyond='>' -v only=2026-03-20T20:00Z -v low=0 -v high=0 ...
SELECT :columns
FROM market.:"relation"
WHERE instrument_id = :'underlying_id'::integer AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
    -- Nearly always it is one: an index is walked in order of the time then.
    AND (:'only'::timestamptz IS NULL OR expires_at = :'only'::timestamptz)
    AND (:'expires_at'::timestamptz[] IS NULL OR expires_at = ANY (:'expires_at'::timestamptz[]))
    AND (:'strike'::numeric IS NULL OR strike = :'strike'::numeric)
    AND (:'contract'::text IS NULL OR contract = :'contract'::text)
    AND (:'low'::integer IS NULL OR rank BETWEEN :'low'::integer AND :'high'::integer)
    AND (
        :'after_time'::timestamptz IS NULL
        OR (time, expires_at, strike, contract) :beyond (
            :'after_time'::timestamptz, :'after_expires_at'::timestamptz, :'after_strike'::numeric, :'after_contract'::text
        )
    )
ORDER BY :ordered
LIMIT :'most'::bigint;
