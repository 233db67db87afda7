DROP TABLE market.indicator_set;
