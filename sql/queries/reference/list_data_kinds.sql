-- Which kinds of data of an instrument are stored.
SELECT kind FROM (VALUES
    ('ticks', EXISTS (SELECT FROM market.ticks WHERE instrument_id = :'instrument_id'::integer)),
    ('candles', EXISTS (SELECT FROM market.candles WHERE instrument_id = :'instrument_id'::integer)),
    ('indicators', EXISTS (SELECT FROM market.indicators WHERE instrument_id = :'instrument_id'::integer))
) AS data (kind, stored)
WHERE stored;
