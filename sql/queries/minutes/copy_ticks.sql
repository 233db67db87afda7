-- Streams ticks that are not stored yet, in binary: text would cost the server a quarter more.
-- A tick that is stored already stops it: then stage_ticks is the way.
COPY market.ticks (time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions)
FROM STDIN (FORMAT binary);
