-- Rows of staged_ticks whose key is stored with other content: the first few, and how many there are in all.
-- A column that the file does not have contradicts nothing; neither does a tick that is cancelled.
WITH named AS (
    SELECT
        s.place, s.time, s.seq, s.price, s.size, s.updates_ohlc, s.updates_volume, s.venue, s.conditions,
        stored.price AS stored_price, stored.size AS stored_size, stored.updates_ohlc AS stored_updates_ohlc,
        stored.updates_volume AS stored_updates_volume, stored.venue AS stored_venue,
        stored.conditions AS stored_conditions, count(*) OVER () AS conflicts
    FROM staged_ticks AS s
    JOIN market.ticks AS stored
        ON stored.instrument_id = :'instrument_id'::integer AND stored.time = s.time AND stored.seq = s.seq
        AND stored.time >= :'starts'::timestamptz AND stored.time <= :'ends'::timestamptz
    WHERE NOT stored.cancelled AND (
        stored.price <> s.price OR stored.size <> s.size
        OR (stored.updates_ohlc <> s.updates_ohlc AND 'updates_ohlc' = ANY (:'told'::text[]))
        OR (stored.updates_volume <> s.updates_volume AND 'updates_volume' = ANY (:'told'::text[]))
        OR (stored.venue IS DISTINCT FROM s.venue AND 'venue' = ANY (:'told'::text[]))
        OR (stored.conditions IS DISTINCT FROM s.conditions AND 'conditions' = ANY (:'told'::text[]))
    )
    ORDER BY s.place
    LIMIT :'most'::integer
)
SELECT named.*, (
    SELECT min(same.place) FROM staged_ticks AS same
    WHERE same.time = named.time AND same.seq = named.seq
        AND (same.price, same.size, same.updates_ohlc, same.updates_volume, same.venue, same.conditions)
            IS NOT DISTINCT FROM
        (stored_price, stored_size, stored_updates_ohlc, stored_updates_volume, stored_venue, stored_conditions)
) AS stored_place
FROM named
ORDER BY place;
