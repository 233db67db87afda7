COMMENT ON COLUMN market.gaps.healed_from IS 'The sources of the candles that stand there now; no_trades where the silence has been explained since; not_judged where the feed lived after all, and the instrument did not trade by which to tell more; not_expected where the calendar was corrected.';
COMMENT ON COLUMN market.feeds.live IS 'Whether ticks are expected while its sessions are open; of a feed that is not live, neither its silence nor the age of its candles is told. Gaps are.';
DROP VIEW market.imported_feeds;
DROP VIEW market.lives;
DROP FUNCTION market.minutes_within(timestamptz, tstzmultirange);
DROP FUNCTION market.join_days(tstzmultirange);
ALTER TABLE market.instruments DROP COLUMN history, DROP COLUMN live_since;
