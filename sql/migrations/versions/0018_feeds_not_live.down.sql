ALTER TABLE market.feeds DROP COLUMN live;
