-- Instruments that were quiet while their feed lived, and did not trade at all in the window: nothing tells how often they
-- should, so their silence is neither explained nor a gap, where :is_silence_plausible says that it can be explained.
CREATE TEMPORARY TABLE unmeasured_instruments ON COMMIT DROP AS
SELECT instrument_id
FROM trade_rates
WHERE :'is_silence_plausible'::boolean AND hour_of_day IS NULL AND market.trade_rate(trades, present, minutes) = 0;
