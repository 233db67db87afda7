-- Takes the marks of hours that have been refreshed: what is computed of their derived buckets is older now, where :is_indicated
-- says that anything is. Where changes are told, so is that buckets of :timeframes were computed again.
WITH taken AS (
    DELETE FROM market.marks WHERE work = 'refresh' AND mark_id = ANY (:'mark_ids'::bigint[]) RETURNING dataset, hour, instrument_ids
), told AS (
    INSERT INTO market.untold_changes (dataset, kind, timeframes, starts, ends, instrument_ids)
    SELECT dataset, 'revised', :'timeframes'::text[], hour, hour + INTERVAL '1 hour', instrument_ids
    FROM taken WHERE current_setting('chandlery.changes', true) = 'on'
)
INSERT INTO market.marks (dataset, work, hour, instrument_ids)
SELECT dataset, 'indicate', hour, instrument_ids FROM taken WHERE :'is_indicated'::boolean;
