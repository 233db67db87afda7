-- Timeframes with indicators that are not filled as far back as there are candles, the ones filled least first: how many, and
-- how far back the last of them has been filled.
SELECT timeframe, count(*) AS indicators, max(filled_from) AS filled_from
FROM market.indicator_set
WHERE filled_from > '-infinity'
GROUP BY timeframe
ORDER BY filled_from DESC, timeframe;
