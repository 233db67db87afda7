CREATE OR REPLACE VIEW market.expiry_metrics AS
SELECT n.instrument_key, m.*
FROM (SELECT instrument_id, max(time) + INTERVAL '1 minute' AS moment FROM market.newest_strikes GROUP BY instrument_id) AS newest
JOIN market.instruments AS n USING (instrument_id)
CROSS JOIN LATERAL market.expiry_metrics_at(newest.instrument_id, ARRAY[newest.moment]) AS m;
COMMENT ON VIEW market.expiry_metrics IS 'What each expiry of an underlying comes to, as of the end of its newest minute.';
