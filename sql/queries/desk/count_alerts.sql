-- How many alerts the user of the transaction has: row-level security hides the others.
SELECT count(*) FROM market.alerts;
