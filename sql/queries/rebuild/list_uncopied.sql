-- The stretches of whole buckets, between two moments, whose rows have been dropped and that a rebuild has not copied yet.
SELECT lower(stretch) AS starts, upper(stretch) AS ends
FROM (
    -- A bucket over the edge of what was dropped has not all of its rows any more.
    SELECT range_agg(tstzrange(
        time_bucket(d.width, lower(dropped)), time_bucket(d.width, upper(dropped) + d.width - INTERVAL '1 microsecond')
    )) - coalesce((SELECT r.copied FROM market.rebuilds AS r WHERE r.aggregate = :'aggregate'), '{}') AS uncopied
    FROM market.rollups AS d
    CROSS JOIN unnest(
        market.dropped(d.dataset) * tstzmultirange(tstzrange(:'starts'::timestamptz, :'ends'::timestamptz))
    ) AS dropped
    WHERE d.relation = :'aggregate'
) AS found
CROSS JOIN unnest(uncopied) AS stretch
ORDER BY starts;
