-- What market.instruments says is about candles: a constant, by which one branch or the other is left out while
-- planning.
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
    END AS life,
    'candles' COLLATE "C" AS dataset
FROM market.instruments AS n
JOIN (
    SELECT feed, min(live_since) AS live_since, bool_or(history <> '{}') AS has_history
    FROM market.instruments GROUP BY feed
) AS feed USING (feed)
-- An option trades when it trades: its silence says nothing.
WHERE NOT EXISTS (SELECT FROM market.option_contracts AS o WHERE o.instrument_id = n.instrument_id)
    AND NOT EXISTS (SELECT FROM market.parts AS p WHERE p.instrument_id = n.instrument_id)
UNION ALL
SELECT
    n.instrument_id,
    CASE
        WHEN n.delisted_at <= since.moment THEN '{}'
        ELSE tstzmultirange(tstzrange(since.moment, n.delisted_at))
    END * CASE
        WHEN feed.live_since IS NOT NULL
        THEN k.history + tstzmultirange(tstzrange(least(feed.live_since, n.listed_at), NULL))
        WHEN feed.has_history THEN k.history
        ELSE '{(,)}'
    END,
    k.dataset
FROM market.known_data AS k
JOIN market.instruments AS n USING (instrument_id)
JOIN (
    SELECT known.dataset, of.feed, min(known.live_since) AS live_since, bool_or(known.history <> '{}') AS has_history
    FROM market.known_data AS known JOIN market.instruments AS of USING (instrument_id)
    GROUP BY known.dataset, of.feed
) AS feed ON feed.dataset = k.dataset AND feed.feed = n.feed
CROSS JOIN LATERAL (SELECT greatest(k.data_from, n.listed_at) AS moment) AS since;
COMMENT ON VIEW market.lives IS 'When candles are expected of each instrument, by its listing or first candle: since its feed is live, and on the days of its history. Of a feed without any data, since the listing. Rows of other data sets in the same way, since the first of them. Candles of option contracts and of parts of instruments, never.';
