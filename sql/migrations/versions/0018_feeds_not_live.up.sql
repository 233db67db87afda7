-- Feeds that do not send as their sessions go on: imported history, or what a vendor delivers once a day.

ALTER TABLE market.feeds ADD COLUMN live boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN market.feeds.live IS 'Whether ticks are expected while its sessions are open; of a feed that is not live, neither its silence nor the age of its candles is told. Gaps are.';
