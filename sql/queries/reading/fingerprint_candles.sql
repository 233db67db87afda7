-- A fingerprint of the candles of an instrument that start in [starts, ends): the same text, the same candles. settled_to: where,
-- in doubt, the first bucket begins that may be older than its minutes, and the fingerprint ends; null: nowhere.
SELECT settled_to, told
FROM market.fingerprint_candles(
    :'dataset', :'instrument_id', :'starts', :'ends', :'by_session', :'width', :'aggregates'::text[], :'widths'::interval[]
);
