-- The lowest and highest instrument_id.
SELECT min(instrument_id) AS first, max(instrument_id) AS last FROM market.instruments;
