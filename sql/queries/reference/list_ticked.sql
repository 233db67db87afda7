-- Those of some instruments that have any tick.
SELECT asked.instrument_id
FROM unnest(:'instrument_ids'::integer[]) AS asked (instrument_id)
WHERE EXISTS (SELECT FROM market.ticks AS t WHERE t.instrument_id = asked.instrument_id);
