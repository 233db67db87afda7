-- Takes the marks of hours that have been refreshed: what is computed of their derived buckets is older now, where :is_indicated
-- says that anything is.
WITH taken AS (
    DELETE FROM market.marks WHERE work = 'refresh' AND mark_id = ANY (:'mark_ids'::bigint[]) RETURNING dataset, hour, instrument_ids
)
INSERT INTO market.marks (dataset, work, hour, instrument_ids)
SELECT dataset, 'indicate', hour, instrument_ids FROM taken WHERE :'is_indicated'::boolean;
