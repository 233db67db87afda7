-- Inserts ticks that come as arrays of equal length: the way for a database that cannot COPY.
INSERT INTO market.ticks (instrument_id, time, seq, price, size, updates_ohlc, updates_volume, venue, conditions)
SELECT :'instrument_id'::integer, tick.*
FROM unnest(
    :'times'::timestamptz[], :'seqs'::bigint[], :'prices'::numeric[], :'sizes'::numeric[],
    :'updates_ohlc'::boolean[], :'updates_volume'::boolean[], :'venues'::text[], :'conditions'::text[]
) AS tick
ON CONFLICT DO NOTHING;
