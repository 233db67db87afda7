-- Stamps the candles of a calendar's instruments again over a stretch of days: session date, and whether extended; and grades
-- those inside the sessions that went or came (arrays of equal length), since only an expected minute is partial. Of one
-- instrument alone where :instrument_id names it: its calendar changed.
-- Only candles whose stamp or grade changes are written. A stamp is not content; a grade is, and counts as a revision.
WITH graded AS MATERIALIZED (  -- once per feed and minute, not per candle
    SELECT
        m.feed, m.bucket,
        f.silence_limit < 60 AND market.longest_silence(m.seconds) >= f.silence_limit
            AND market.is_expected(:'calendar', m.bucket) AS partial
    FROM (
        SELECT feed, market.silence_limit(feed) AS silence_limit
        FROM (SELECT DISTINCT feed FROM market.instruments WHERE calendar = :'calendar') AS used
    ) AS f
    JOIN market.feed_minutes AS m USING (feed)
    WHERE m.bucket >= :'changed_from'::date - INTERVAL '2 days' AND m.bucket < :'changed_to'::date + INTERVAL '2 days'
        -- What has not changed keeps the grade it got under the limit of its time.
        AND m.bucket <@ (
            SELECT range_agg(tstzrange(opens_at, closes_at))
            FROM unnest(:'opens_at'::timestamptz[], :'closes_at'::timestamptz[]) AS changed (opens_at, closes_at)
        )
), changing AS (
    SELECT c.instrument_id, c.time, stamp.session_date, stamp.extended, grade.partial, c.partial AS was_partial
    FROM market.instruments AS n
    JOIN market.candles AS c USING (instrument_id)
    LEFT JOIN graded AS g ON g.feed = n.feed AND g.bucket = c.time
    CROSS JOIN LATERAL market.session_stamp(n.calendar, c.time) AS stamp
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN c.source = 'vendor_historical' THEN c.partial
            WHEN g.feed IS NOT NULL THEN g.partial
            -- What its feed did is not known: all that can be said is whether that matters.
            ELSE c.partial AND market.is_expected(n.calendar, c.time)
        END AS partial
    ) AS grade
    WHERE n.calendar = :'calendar'
        AND (:'instrument_id'::integer IS NULL OR n.instrument_id = :'instrument_id'::integer)
        -- A day either side: a session may begin the evening before, and time zones reach 14 hours.
        AND c.time >= :'changed_from'::date - INTERVAL '2 days' AND c.time < :'changed_to'::date + INTERVAL '2 days'
        AND (c.session_date, c.extended, c.partial) IS DISTINCT FROM (stamp.session_date, stamp.extended, grade.partial)
), written AS (
    UPDATE market.candles AS stored
    SET
        session_date = changing.session_date, extended = changing.extended, partial = changing.partial,
        revision = stored.revision + (changing.partial <> changing.was_partial)::integer, updated_at = now()
    FROM changing
    WHERE stored.instrument_id = changing.instrument_id AND stored.time = changing.time
        -- Said again of these, so that no other chunk is read, or turned back from columns into rows.
        AND stored.time >= :'changed_from'::date - INTERVAL '2 days' AND stored.time < :'changed_to'::date + INTERVAL '2 days'
    RETURNING stored.instrument_id, stored.time, changing.partial AND NOT changing.was_partial AS fell
), marked AS (
    -- Out of session a feed's ticks are not all looked at: those that are still kept may show that it lived.
    INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
    SELECT :'dataset', time, array_agg(instrument_id), array_agg(-1) FROM written WHERE fell GROUP BY time
)
SELECT count(*) AS restamped FROM written;
