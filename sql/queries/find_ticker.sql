-- What a vendor calls an instrument.
SELECT ticker FROM market.tickers WHERE instrument_id = :'instrument_id'::integer AND vendor = :'vendor';
