-- Remembers stretches that were imported, in the transaction that imports them: retention keeps their chunks.
INSERT INTO market.imports (table_name, instrument_id, starts, ends)
SELECT :'table_name', :'instrument_id'::integer, stretch.*
FROM unnest(:'starts'::timestamptz[], :'ends'::timestamptz[]) AS stretch;
