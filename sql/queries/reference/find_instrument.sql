-- The instrument of a key; tickers by vendor, null where no vendor knows it.
SELECT
    n.instrument_id, n.instrument_key AS key, n.calendar, n.feed, n.listed_at, n.delisted_at, n.data_from, n.allow_negative,
    n.name, n.asset_type, n.exchange, n.sector, n.industry, n.uuid,
    (SELECT jsonb_object_agg(t.vendor, t.ticker) FROM market.tickers AS t WHERE t.instrument_id = n.instrument_id) AS tickers
FROM market.instruments AS n
WHERE n.instrument_key = :'instrument_key';
