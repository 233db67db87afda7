-- Deletes instruments' rows of a data set, for good. As in psql -v relation=candles -v instrument_ids='{1}'.
DELETE FROM market.:"relation" WHERE instrument_id = ANY (:'instrument_ids'::integer[]);
