-- Which indicators are kept up, and how far back they have been filled: marks tell of changed candles, not of a changed set.

CREATE TABLE market.indicator_set (
    timeframe text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    parameters jsonb NOT NULL,
    filled_from timestamptz NOT NULL,
    PRIMARY KEY (timeframe, name, parameters)
);
COMMENT ON TABLE market.indicator_set IS 'The indicators that the historical processor''s last run found in its set. Values of any other are not kept up.';
COMMENT ON COLUMN market.indicator_set.filled_from IS 'From here on values stand, or marks for them; -infinity: over all stored candles.';
