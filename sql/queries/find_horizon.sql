-- Up to where retention has dropped minutes: what is derived from them can never be made again.
SELECT dropped_before FROM market.horizons WHERE table_name = 'candles';
