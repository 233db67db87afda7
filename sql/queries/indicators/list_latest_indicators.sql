-- The newest stored value of each indicator of each instrument, in the order of their numbers, from after :after_instrument and
-- :after_indicator on, at most :most: of :timeframe, :named or :instrument_id, or of any (null). Each value is a probe of the key, which
-- has the newest last; by the instrument's number, so that nothing is sorted but the few indicators of each.
SELECT
    n.instrument_id, i.indicator_id, n.instrument_key, i.timeframe, i.name, i.parameters, v.time, v.value, v.value_2, v.value_3,
    v.made_at
FROM market.instruments AS n
CROSS JOIN market.stored_indicators AS i
CROSS JOIN LATERAL (
    SELECT time, value, value_2, value_3, made_at
    FROM market.indicator_values
    WHERE instrument_id = n.instrument_id AND indicator_id = i.indicator_id
    ORDER BY time DESC LIMIT 1
) AS v
WHERE n.instrument_id >= :'after_instrument'::integer
    AND (n.instrument_id > :'after_instrument'::integer OR i.indicator_id > :'after_indicator'::integer)
    AND (:'instrument_id'::integer IS NULL OR n.instrument_id = :'instrument_id'::integer)
    AND (:'timeframe'::text IS NULL OR i.timeframe = :'timeframe'::text)
    AND (:'named'::text IS NULL OR i.name = :'named'::text)
    -- Of an instrument without values, as most contracts of options are, not every indicator is asked for.
    AND (
        :'named'::text IS NOT NULL
        OR EXISTS (SELECT FROM market.indicator_values AS stored WHERE stored.instrument_id = n.instrument_id)
    )
ORDER BY n.instrument_id, i.indicator_id
LIMIT :'most'::bigint;
