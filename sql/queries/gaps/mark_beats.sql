-- Marks the hours that must be counted by a cadence that was set: those with rows since then, and those that were counted by
-- another one. As in psql -v relation=expected_sentiment.
INSERT INTO market.marks (dataset, work, hour, instrument_ids)
SELECT k.dataset, 'beat', each.hour, ARRAY[k.instrument_id]
FROM market.cadences AS k
JOIN market.instruments AS n USING (instrument_id)
CROSS JOIN LATERAL (
    SELECT date_bin('1 hour', r.time, '2000-01-01 00:00Z') AS hour
    FROM market.:"relation" AS r
    WHERE r.instrument_id = k.instrument_id AND r.time >= :'since'::timestamptz
    UNION
    SELECT h.hour
    FROM market.candle_hours AS h
    WHERE h.dataset = k.dataset AND h.instrument_id = k.instrument_id
) AS each
WHERE n.instrument_key = :'key';
