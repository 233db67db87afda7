-- Takes the marked hours of a piece: of each instrument those from its start to its end, both included. Where changes are published, so is
-- that values there are computed again.
WITH taken AS (
    DELETE FROM market.unindicated_hours AS h
    USING unnest(:'instrument_ids'::integer[], :'starts'::timestamptz[], :'ends'::timestamptz[]) AS p (instrument_id, starts, ends)
    WHERE h.instrument_id = p.instrument_id AND h.hour >= p.starts AND h.hour <= p.ends
    RETURNING h.instrument_id, h.hour, h.timeframe
), told AS (
    INSERT INTO market.unpublished_changes (dataset, kind, timeframes, starts, ends, instrument_ids)
    SELECT
        'indicator_values', 'revised', array_remove(ARRAY[timeframe], ''), min(hour), max(hour) + INTERVAL '1 hour',
        array_agg(DISTINCT instrument_id)
    FROM taken WHERE current_setting('chandlery.changes', true) = 'on'
    GROUP BY timeframe
)
SELECT instrument_id, hour, timeframe FROM taken;
