-- Instruments' newest closes up to a moment, with those to compare them with: of the candle before, and of the last candle at or
-- before the same moment a day, a week and a calendar month earlier; where those minutes are no longer kept, of the last five
-- minutes that were over. All, or these :keys, or one :feed (''); with :ranked by the percent since :apart before the newest,
-- unknown ones last, else by key; the :most after :after_rank and :after_key ('': from the first). Only ranked closes are looked
-- up for all, the others for the chosen.
WITH newest AS (
    SELECT n.instrument_id, n.instrument_key AS key, n.feed, c.time, c.close
    FROM market.instruments AS n
    CROSS JOIN LATERAL (
        SELECT time, close FROM market.candles
        WHERE instrument_id = n.instrument_id AND time <= :'at'::timestamptz
        ORDER BY time DESC LIMIT 1
    ) AS c
    WHERE :'feed' IN ('', n.feed)
        AND (cardinality(:'keys'::text[]) = 0 OR n.instrument_key = ANY (:'keys'::text[]))
), compared AS MATERIALIZED (
    -- Materialized: the one look each would else be done as often as its answer is named.
    SELECT
        n.*,
        CASE WHEN :'ranked'::boolean THEN coalesce(
            (
                -- Near by first, between bounds that are known when it is planned: each look rules out what chunks they leave.
                SELECT close FROM market.candles
                WHERE instrument_id = n.instrument_id AND time <= n.time - :'apart'::interval
                    AND time <= (:'at'::timestamptz AT TIME ZONE 'UTC' - :'apart'::interval) AT TIME ZONE 'UTC'
                    AND time > (:'at'::timestamptz AT TIME ZONE 'UTC' - :'apart'::interval - INTERVAL '4 days') AT TIME ZONE 'UTC'
                ORDER BY time DESC LIMIT 1
            ),
            (
                SELECT close FROM market.candles
                WHERE instrument_id = n.instrument_id AND time <= n.time - :'apart'::interval
                ORDER BY time DESC LIMIT 1
            ),
            (
                SELECT close FROM market.candles_5m
                WHERE instrument_id = n.instrument_id AND time <= n.time - :'apart'::interval - INTERVAL '4 minutes'
                ORDER BY time DESC LIMIT 1
            )
        ) END AS earlier
    FROM newest AS n
), ranked AS (
    SELECT
        *,
        CASE WHEN :'descending'::boolean THEN -1 ELSE 1 END
        * round((close - earlier) / CASE WHEN earlier > 0 THEN earlier END * 100, 6) AS rank
    FROM compared
), page AS MATERIALIZED (
    SELECT *, CASE WHEN NOT :'ranked'::boolean AND :'descending'::boolean THEN key END AS backward_key
    FROM ranked
    WHERE :'after_key' = ''
        OR CASE
            WHEN NOT :'ranked'::boolean AND :'descending'::boolean THEN key < :'after_key'
            WHEN rank IS NULL THEN :'after_rank'::numeric IS NOT NULL OR key > :'after_key'
            ELSE rank > :'after_rank'::numeric OR (rank = :'after_rank'::numeric AND key > :'after_key')
        END
    ORDER BY rank NULLS LAST, backward_key DESC, key
    LIMIT :'most'::bigint
)
SELECT p.key, p.feed, p.time, p.close, c.previous_close, c.close_1d, c.close_1w, c.close_1mo, p.rank
FROM page AS p
CROSS JOIN LATERAL (
    SELECT
        max(close) FILTER (WHERE name = 'previous') AS previous_close, max(close) FILTER (WHERE name = '1d') AS close_1d,
        max(close) FILTER (WHERE name = '1w') AS close_1w, max(close) FILTER (WHERE name = '1mo') AS close_1mo
    FROM (
        VALUES ('previous', INTERVAL '1 minute'), ('1d', INTERVAL '1 day'), ('1w', INTERVAL '7 days'), ('1mo', INTERVAL '1 month')
    ) AS each (name, apart)
    CROSS JOIN LATERAL (
        SELECT coalesce(
            (
                SELECT close FROM market.candles
                WHERE instrument_id = p.instrument_id AND time <= p.time - each.apart
                ORDER BY time DESC LIMIT 1
            ),
            (
                SELECT close FROM market.candles_5m
                WHERE instrument_id = p.instrument_id AND time <= p.time - each.apart - INTERVAL '4 minutes'
                ORDER BY time DESC LIMIT 1
            )
        ) AS close
    ) AS earlier
) AS c
ORDER BY p.rank NULLS LAST, p.backward_key DESC, p.key;
