-- Two branches, so that the key finds the rows of one instrument.
CREATE OR REPLACE VIEW market.expected_sentiment AS
SELECT k.instrument_id, r.time, false AS partial, NULL::bigint AS trades, r.source AS source
FROM market.cadences AS k
JOIN market.sentiment AS r ON r.source = k.source AND r.instrument_id = k.whole_id
WHERE k.dataset = 'sentiment'
UNION ALL
SELECT k.instrument_id, r.time, false, NULL, r.source
FROM market.cadences AS k
JOIN market.sentiment AS r ON r.source = k.source
WHERE k.dataset = 'sentiment' AND k.whole_id IS NULL;
COMMENT ON VIEW market.expected_sentiment IS 'Rows of each source that has a cadence, under the instrument that represents it.';
