DROP TABLE market.runs;
