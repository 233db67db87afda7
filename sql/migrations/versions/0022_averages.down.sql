DROP FUNCTION market.average(numeric, numeric);
