-- The first :most ends of buckets in [starts, ends), or with :backward the newest, in which any strike of an underlying has a candle:
-- psql -v relation=strike_candles_5m -v width='5 minutes' -v underlying_id=1 ...
SELECT ended
FROM (
    (
        SELECT DISTINCT time + :'width'::interval AS ended FROM market.:"relation"
        WHERE NOT :'backward'::boolean AND instrument_id = :'underlying_id'::integer
            AND time >= :'starts'::timestamptz - :'width'::interval AND time < :'ends'::timestamptz - :'width'::interval
        ORDER BY ended LIMIT :'most'::bigint
    )
    UNION ALL
    (
        SELECT DISTINCT time + :'width'::interval AS ended FROM market.:"relation"
        WHERE :'backward'::boolean AND instrument_id = :'underlying_id'::integer
            AND time >= :'starts'::timestamptz - :'width'::interval AND time < :'ends'::timestamptz - :'width'::interval
        ORDER BY ended DESC LIMIT :'most'::bigint
    )
) AS page
ORDER BY ended;
