-- Takes the marks of hours that have been refreshed: what is computed of their derived buckets is older now, where :is_indicated
-- says that anything is; else rules of signals may see what was derived. Where changes are published, so is that buckets of
-- :timeframes were computed again.
WITH taken AS (
    DELETE FROM market.marks WHERE work = 'refresh' AND mark_id = ANY (:'mark_ids'::bigint[]) RETURNING dataset, hour, instrument_ids
), told AS (
    INSERT INTO market.unpublished_changes (dataset, kind, timeframes, starts, ends, instrument_ids)
    SELECT dataset, 'revised', :'timeframes'::text[], hour, hour + INTERVAL '1 hour', instrument_ids
    FROM taken WHERE current_setting('chandlery.changes', true) = 'on'
), seen AS (
    INSERT INTO market.signal_marks (dataset, starts, ends, instrument_ids)
    SELECT dataset, hour, hour + INTERVAL '1 hour', instrument_ids
    FROM taken
    WHERE NOT :'is_indicated'::boolean AND EXISTS (
        SELECT FROM market.signal_rules AS r WHERE dataset = ANY (SELECT split_part(each, ' ', 1) FROM unnest(r.sees) AS each)
    )
)
INSERT INTO market.marks (dataset, work, hour, instrument_ids)
SELECT dataset, 'indicate', hour, instrument_ids FROM taken WHERE :'is_indicated'::boolean;
