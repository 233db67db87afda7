-- Deletes an instrument's rows of a data set, for good. As in psql -v relation=candles -v instrument_id=1.
DELETE FROM market.:"relation" WHERE instrument_id = :'instrument_id'::integer;
