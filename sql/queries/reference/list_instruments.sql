-- Every instrument, by key; tickers by vendor, null where no vendor knows it.
SELECT
    n.instrument_id, n.instrument_key AS key, n.calendar, n.feed, n.listed_at, n.delisted_at, n.data_from, t.tickers, n.allow_negative,
    n.name, n.asset_type, n.exchange, n.sector, n.industry, n.uuid
FROM market.instruments AS n
LEFT JOIN (
    SELECT instrument_id, jsonb_object_agg(vendor, ticker) AS tickers FROM market.tickers GROUP BY instrument_id
) AS t USING (instrument_id)
ORDER BY n.instrument_key;
