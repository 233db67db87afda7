CREATE OR REPLACE VIEW market.lives AS
SELECT
    n.instrument_id,
    CASE
        WHEN coalesce(n.listed_at, n.data_from) IS NULL OR n.delisted_at <= coalesce(n.listed_at, n.data_from) THEN '{}'
        ELSE tstzmultirange(tstzrange(coalesce(n.listed_at, n.data_from), n.delisted_at))
    END * CASE
        WHEN feed.live_since IS NOT NULL
        THEN n.history + tstzmultirange(tstzrange(least(feed.live_since, n.listed_at), NULL))
        WHEN feed.has_history THEN n.history
        ELSE '{(,)}'
    END AS life
FROM market.instruments AS n
JOIN (
    SELECT feed, min(live_since) AS live_since, bool_or(history <> '{}') AS has_history
    FROM market.instruments GROUP BY feed
) AS feed USING (feed);
COMMENT ON VIEW market.lives IS 'When candles are expected of each instrument, by its listing or first candle: since its feed is live, and on the days of its history. Of a feed without any data, since the listing.';
