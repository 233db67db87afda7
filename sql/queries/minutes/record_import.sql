-- Remembers stretches that were imported, in the transaction that imports them: retention keeps their chunks.
INSERT INTO market.imports (table_name, instrument_id, starts, ends)
SELECT :'table_name', whose.instrument_id, stretch.*
FROM unnest(:'instrument_ids'::integer[]) AS whose (instrument_id)
CROSS JOIN unnest(:'starts'::timestamptz[], :'ends'::timestamptz[]) AS stretch (starts, ends);
