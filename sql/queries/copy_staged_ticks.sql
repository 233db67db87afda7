-- Streams ticks into staged_ticks, as CSV.
COPY staged_ticks (time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions)
FROM STDIN (FORMAT csv);
