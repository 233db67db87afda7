-- The first :most rows of an instrument in [starts, ends), or with :backward the newest, in order of :ordered, the time first;
-- those that have what :where says in :chosen, and lie after, or before, what :after says. Each branch stops at its limit.
-- As in psql -v relation=quotes_1h -v columns='time, strike, market.average(iv_total, iv_weight) AS iv' -v ordered='time, strike'
-- -v opposite='time DESC, strike DESC' -v chosen='instrument_id, strike' -v where='{"instrument_id": 1, "strike": "100"}' ...
SELECT :columns
FROM (
    (
        SELECT * FROM market.:"relation"
        WHERE NOT :'backward'::boolean AND instrument_id = :'instrument_id'::integer
            AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
            AND (:chosen) = (SELECT :chosen FROM jsonb_populate_record(NULL::market.:"relation", :'where'::jsonb))
            AND (
                :'after'::jsonb IS NULL
                OR (:ordered) > (SELECT :ordered FROM jsonb_populate_record(NULL::market.:"relation", :'after'::jsonb))
            )
        ORDER BY :ordered LIMIT :'most'::bigint
    )
    UNION ALL
    (
        SELECT * FROM market.:"relation"
        WHERE :'backward'::boolean AND instrument_id = :'instrument_id'::integer
            AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
            AND (:chosen) = (SELECT :chosen FROM jsonb_populate_record(NULL::market.:"relation", :'where'::jsonb))
            AND (
                :'after'::jsonb IS NULL
                OR (:ordered) < (SELECT :ordered FROM jsonb_populate_record(NULL::market.:"relation", :'after'::jsonb))
            )
        ORDER BY :opposite LIMIT :'most'::bigint
    )
) AS page
ORDER BY :ordered;
