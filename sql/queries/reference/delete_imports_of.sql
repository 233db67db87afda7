-- Deletes instruments' rows of market.imports: retention keeps no chunk for rows that are gone.
DELETE FROM market.imports WHERE instrument_id = ANY (:'instrument_ids'::integer[]);
