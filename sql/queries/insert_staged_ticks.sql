-- Moves staged_ticks on: of several with one (instrument, time, seq) the first, and none whose key is stored already.
INSERT INTO market.ticks (time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions)
SELECT time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions
FROM staged_ticks
ORDER BY place
ON CONFLICT DO NOTHING;
