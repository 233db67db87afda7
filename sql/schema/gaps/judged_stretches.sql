CREATE OR REPLACE VIEW market.judged_stretches AS
SELECT
    j.component, j.instrument_id,
    j.stretches + CASE WHEN j.since < r.ends THEN tstzmultirange(tstzrange(j.since, r.ends)) ELSE '{}' END AS stretches,
    j.dataset
FROM market.judged AS j
JOIN market.instruments AS n USING (instrument_id, calendar, feed)
LEFT JOIN market.reaches AS r USING (dataset, component, share);
COMMENT ON VIEW market.judged_stretches IS 'The times each gap monitor has judged of each data set and instrument. What another calendar or feed led to counts no longer.';
