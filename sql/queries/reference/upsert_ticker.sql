-- What a vendor calls an instrument; takes the place of what was stored.
INSERT INTO market.tickers AS known (instrument_id, vendor, ticker)
SELECT instrument_id, :'vendor', :'ticker' FROM market.instruments WHERE instrument_key = :'instrument_key'
ON CONFLICT (instrument_id, vendor) DO UPDATE SET ticker = excluded.ticker WHERE known.ticker <> excluded.ticker;
