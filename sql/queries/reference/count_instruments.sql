-- How many instruments there are.
SELECT count(*) AS instruments FROM market.instruments;
