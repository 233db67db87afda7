-- Moves staged_ticks on: the same (instrument, time, seq) is the same tick, and changes nothing.
INSERT INTO market.ticks SELECT * FROM staged_ticks ON CONFLICT DO NOTHING;
