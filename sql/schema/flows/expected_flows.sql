-- Two branches, so that the key finds the rows of one instrument.
CREATE OR REPLACE VIEW market.expected_flows AS
SELECT k.instrument_id, r.time, false AS partial, NULL::bigint AS trades, r.venue AS source
FROM market.cadences AS k
JOIN market.flows AS r ON r.venue = k.source AND r.instrument_id = k.whole_id
WHERE k.dataset = 'flows'
UNION ALL
SELECT k.instrument_id, r.time, false, NULL, r.venue
FROM market.cadences AS k
JOIN market.flows AS r ON r.venue = k.source
WHERE k.dataset = 'flows' AND k.whole_id IS NULL;
COMMENT ON VIEW market.expected_flows IS 'Rows of each venue that has a cadence, under the instrument that represents it.';
