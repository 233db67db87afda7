-- Without a default a column is added to batches of columns as well, and nothing is written again: rows that are stored have none.
ALTER TABLE market.ticks ADD COLUMN received_at timestamptz;
ALTER TABLE market.option_quotes ADD COLUMN received_at timestamptz;
ALTER TABLE market.open_interest ADD COLUMN received_at timestamptz;
-- The transaction's moment, so that all rows of a statement have the same, which takes no room in columns.
ALTER TABLE market.ticks ALTER COLUMN received_at SET DEFAULT now();
ALTER TABLE market.option_quotes ALTER COLUMN received_at SET DEFAULT now();
ALTER TABLE market.open_interest ALTER COLUMN received_at SET DEFAULT now();
ALTER TABLE market.sentiment ALTER COLUMN received_at SET DEFAULT now();
ALTER TABLE market.flows ALTER COLUMN received_at SET DEFAULT now();
ALTER TABLE market.ticks ADD CONSTRAINT ticks_received_at_check CHECK (isfinite(received_at)) NOT VALID;
ALTER TABLE market.option_quotes ADD CONSTRAINT option_quotes_received_at_check CHECK (isfinite(received_at)) NOT VALID;
ALTER TABLE market.open_interest ADD CONSTRAINT open_interest_received_at_check CHECK (isfinite(received_at)) NOT VALID;
COMMENT ON COLUMN market.ticks.received_at IS 'When it came to the desk: by its producer, else when the database took it; null: from before this was kept.';
COMMENT ON COLUMN market.option_quotes.received_at IS 'When it came to the desk, as of ticks.';
COMMENT ON COLUMN market.open_interest.received_at IS 'When it came to the desk, as of ticks.';
