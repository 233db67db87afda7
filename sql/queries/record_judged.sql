-- Remembers that a scan has judged its window, for the instruments of its share: when candles are expected of each. Of those
-- whose silence could not be measured that is only what a vendor explained, and whatever a monitor judged before is not judged
-- now. Most scans go on where the last one ended: that moves the one row of their reach. An instrument's own row is written
-- where it has no part in that.
WITH reach AS MATERIALIZED (
    SELECT greatest(
        :'ends'::timestamptz,
        (
            SELECT ends FROM market.reaches
            WHERE dataset = :'dataset' AND component = :'component' AND share = :'first'::integer
        )
    ) AS ends
), looked AS (
    SELECT n.instrument_id, n.calendar, n.feed, n.life AS seen, CASE
        WHEN n.instrument_id IN (SELECT instrument_id FROM unmeasured_instruments) THEN n.life * coalesce(
            (
                SELECT range_agg(tstzrange(g.starts, g.ends))
                FROM market.gaps AS g
                WHERE g.dataset = :'dataset' AND g.instrument_id = n.instrument_id AND g.reason = 'no_trades'
                    AND g.starts < :'ends'::timestamptz AND g.ends > :'starts'::timestamptz
            ),
            '{}'
        )
        ELSE n.life
    END AS stretches
    FROM scanned_instruments AS n
), known AS (
    SELECT own.instrument_id, own.calendar, own.feed, valid.stretches
    FROM market.judged AS own
    LEFT JOIN market.judged_stretches AS valid USING (dataset, instrument_id, component)
    WHERE own.dataset = :'dataset' AND own.component = :'component'
        AND (own.share = :'first'::integer OR own.instrument_id BETWEEN :'first'::integer AND :'last'::integer)
), together AS (
    SELECT
        instrument_id, coalesce(looked.calendar, known.calendar) AS calendar, coalesce(looked.feed, known.feed) AS feed,
        (coalesce(known.stretches, '{}') - coalesce(looked.seen, '{}') + coalesce(looked.stretches, '{}'))
            -- What lies outside its life has no gap in the ledger: if it is expected one day, nobody has judged it.
            * whole.life AS stretches
    FROM known
    FULL JOIN looked USING (instrument_id)
    JOIN market.lives AS whole USING (instrument_id)
    WHERE whole.dataset = :'dataset'
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
    INSERT INTO market.reaches AS stored (dataset, component, share, ends)
    SELECT :'dataset', :'component', :'first'::integer, reach.ends
    FROM reach
    WHERE NOT EXISTS (
        SELECT FROM market.reaches AS r
        WHERE r.dataset = :'dataset' AND r.component = :'component' AND r.share = :'first'::integer AND r.ends = reach.ends
    )
    ON CONFLICT (dataset, component, share) DO UPDATE SET ends = excluded.ends
), unsaid AS (
    -- The newest look is what counts, whichever monitor's.
    UPDATE market.judged AS other
    SET stretches = valid.stretches - (l.seen - l.stretches), share = NULL, since = NULL
    FROM looked AS l
    JOIN market.judged_stretches AS valid ON valid.dataset = :'dataset' AND valid.instrument_id = l.instrument_id
    WHERE other.dataset = :'dataset' AND other.instrument_id = valid.instrument_id AND other.component = valid.component
        AND other.component <> :'component' AND valid.stretches && (l.seen - l.stretches)
)
INSERT INTO market.judged AS stored (dataset, instrument_id, component, calendar, feed, stretches, share, since)
SELECT :'dataset', w.instrument_id, :'component', w.calendar, w.feed, w.stretches, w.share, w.since
FROM wanted AS w
LEFT JOIN market.judged AS own ON own.dataset = :'dataset' AND own.instrument_id = w.instrument_id AND own.component = :'component'
WHERE (own.calendar, own.feed, own.stretches, own.share, own.since)
    IS DISTINCT FROM (w.calendar, w.feed, w.stretches, w.share, w.since)
ON CONFLICT (instrument_id, dataset, component) DO UPDATE SET
    calendar = excluded.calendar, feed = excluded.feed, stretches = excluded.stretches, share = excluded.share,
    since = excluded.since;
