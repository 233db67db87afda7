DROP TABLE market.indicator_states;
