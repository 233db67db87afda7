-- Remembers that a scan has judged its window, for the instruments of its share: from when on candles are expected of each, up
-- to when they are. Of those whose silence could not be measured only what a vendor explained. Most scans go on where the last
-- one ended: that moves the one row of their reach. An instrument's own row is written where it has no part in that.
WITH reach AS MATERIALIZED (
    SELECT greatest(
        :'ends'::timestamptz,
        (SELECT ends FROM market.reaches WHERE component = :'component' AND share = :'first'::integer)
    ) AS ends
), looked AS (
    SELECT
        instrument_id, calendar, feed,
        tstzmultirange(tstzrange(greatest(since, :'starts'::timestamptz), least(until, :'ends'::timestamptz))) AS stretches
    FROM scanned_instruments
    WHERE instrument_id NOT IN (SELECT instrument_id FROM unmeasured_instruments)
        AND greatest(since, :'starts'::timestamptz) < least(until, :'ends'::timestamptz)
    UNION ALL
    SELECT n.instrument_id, n.calendar, n.feed, range_agg(tstzrange(greatest(g.starts, :'starts'), least(g.ends, :'ends')))
    FROM unmeasured_instruments
    JOIN scanned_instruments AS n USING (instrument_id)
    JOIN market.gaps AS g USING (instrument_id)
    WHERE g.reason = 'no_trades' AND g.starts < :'ends'::timestamptz AND g.ends > :'starts'::timestamptz
    GROUP BY n.instrument_id, n.calendar, n.feed
), known AS (
    SELECT own.instrument_id, own.calendar, own.feed, valid.stretches
    FROM market.judged AS own
    LEFT JOIN market.judged_stretches AS valid USING (instrument_id, component)
    WHERE own.component = :'component'
        AND (own.share = :'first'::integer OR own.instrument_id BETWEEN :'first'::integer AND :'last'::integer)
), together AS (
    SELECT
        n.instrument_id, coalesce(looked.calendar, known.calendar) AS calendar, coalesce(looked.feed, known.feed) AS feed,
        (coalesce(known.stretches, '{}') + coalesce(looked.stretches, '{}'))
            -- What lies outside its life has no gap in the ledger: if it is expected one day, nobody has judged it.
            * tstzmultirange(tstzrange(coalesce(n.listed_at, n.data_from), n.delisted_at)) AS stretches
    FROM known
    FULL JOIN looked USING (instrument_id)
    JOIN market.instruments AS n USING (instrument_id)
    WHERE (n.delisted_at <= coalesce(n.listed_at, n.data_from)) IS NOT TRUE
), wanted AS (
    SELECT
        t.instrument_id, t.calendar, t.feed, CASE WHEN last.since IS NOT NULL THEN :'first'::integer END AS share, last.since,
        t.stretches - CASE WHEN last.since < reach.ends THEN tstzmultirange(tstzrange(last.since, reach.ends)) ELSE '{}' END
            AS stretches
    FROM together AS t
    CROSS JOIN reach
    LEFT JOIN LATERAL (
        SELECT lower(part) AS since FROM unnest(t.stretches) AS part WHERE upper(part) = reach.ends
    ) AS last ON true
), moved AS (
    -- ON CONFLICT alone would lock the row, which writes to it.
    INSERT INTO market.reaches AS stored (component, share, ends)
    SELECT :'component', :'first'::integer, reach.ends
    FROM reach
    WHERE NOT EXISTS (
        SELECT FROM market.reaches AS r WHERE r.component = :'component' AND r.share = :'first'::integer AND r.ends = reach.ends
    )
    ON CONFLICT (component, share) DO UPDATE SET ends = excluded.ends
)
INSERT INTO market.judged AS stored (instrument_id, component, calendar, feed, stretches, share, since)
SELECT w.instrument_id, :'component', w.calendar, w.feed, w.stretches, w.share, w.since
FROM wanted AS w
LEFT JOIN market.judged AS own ON own.instrument_id = w.instrument_id AND own.component = :'component'
WHERE (own.calendar, own.feed, own.stretches, own.share, own.since)
    IS DISTINCT FROM (w.calendar, w.feed, w.stretches, w.share, w.since)
ON CONFLICT (instrument_id, component) DO UPDATE SET
    calendar = excluded.calendar, feed = excluded.feed, stretches = excluded.stretches, share = excluded.share,
    since = excluded.since;
