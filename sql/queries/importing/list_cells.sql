-- The columns of a table that a file may have, and whether a cell of each may be empty, and the column be absent.
SELECT attname AS name, NOT attnotnull AS may_be_empty, NOT attnotnull OR atthasdef AS may_be_absent
FROM pg_attribute
WHERE attrelid = format('market.%I', :'table_name'::text)::regclass AND attnum > 0 AND NOT attisdropped
    AND attidentity = '' AND attgenerated = '' AND attname <> 'instrument_id';
