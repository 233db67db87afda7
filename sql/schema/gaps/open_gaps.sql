CREATE OR REPLACE VIEW market.open_gaps AS
SELECT
    g.gap_id, n.instrument_key, n.feed, g.starts, g.ends, g.minutes, g.reason, g.evidence, g.found_at, g.attempts, g.next_attempt_at,
    g.dataset
FROM market.gaps AS g JOIN market.instruments AS n USING (instrument_id)
WHERE g.healed_at IS NULL;
COMMENT ON VIEW market.open_gaps IS 'What is missing and not explained.';
