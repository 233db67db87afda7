-- The start of the newest candle of any instrument: one probe of the primary key per instrument.
SELECT max(newest.time) AS time
FROM market.instruments AS i
CROSS JOIN LATERAL (
    SELECT c.time FROM market.candles AS c WHERE c.instrument_id = i.instrument_id ORDER BY c.time DESC LIMIT 1
) AS newest;
