ALTER TABLE market.ticks DROP COLUMN received_at;
ALTER TABLE market.option_quotes DROP COLUMN received_at;
ALTER TABLE market.open_interest DROP COLUMN received_at;
ALTER TABLE market.sentiment ALTER COLUMN received_at DROP DEFAULT;
ALTER TABLE market.flows ALTER COLUMN received_at DROP DEFAULT;
