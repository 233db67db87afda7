DROP FUNCTION market.fingerprint_candles(integer, timestamptz, timestamptz, boolean, interval, text[], interval[]);
