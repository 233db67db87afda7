-- Whether a data set has rows of an instrument. As in psql -v relation=candles -v instrument_id=1.
SELECT EXISTS (SELECT FROM market.:"relation" WHERE instrument_id = :'instrument_id'::integer);
