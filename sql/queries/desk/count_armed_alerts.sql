-- How many alerts are armed.
SELECT count(*) AS armed FROM market.alerts WHERE state = 'armed';
