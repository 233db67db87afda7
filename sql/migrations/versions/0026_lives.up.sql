-- When candles are expected of each instrument: what was imported expects nothing beyond its own days.

ALTER TABLE market.instruments
    ADD COLUMN live_since timestamptz,
    ADD COLUMN history tstzmultirange NOT NULL DEFAULT '{}';
COMMENT ON COLUMN market.instruments.live_since IS 'The first hour with a candle that no import brought, or when its feed was said to be live; null: all there is was imported.';
COMMENT ON COLUMN market.instruments.history IS 'Days, UTC, of what was imported of the time before live_since; those a week apart or less are joined.';

CREATE FUNCTION market.join_days(days tstzmultirange) RETURNS tstzmultirange LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(range_agg(tstzrange(lower(part), upper(part) - INTERVAL '168 hours')), '{}')
    FROM (
        SELECT range_agg(tstzrange(lower(day), upper(day) + INTERVAL '168 hours')) AS parts FROM unnest(days) AS day
    ) AS longer
    CROSS JOIN LATERAL unnest(longer.parts) AS part
$$;
COMMENT ON FUNCTION market.join_days IS 'The same days, with what lies between two of them where that is a week or less: a day lost inside an import is missing.';

CREATE FUNCTION market.minutes_within(hour timestamptz, stretches tstzmultirange) RETURNS bit(60) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        bit_or(market.minute_mask(market.minute_of(hour, lower(part)), market.minute_of(hour, upper(part)))), 0::bit(60)
    )
    FROM unnest(stretches * tstzmultirange(tstzrange(hour, hour + INTERVAL '1 hour'))) AS part
$$;
COMMENT ON FUNCTION market.minutes_within IS 'The minutes of an hour that start inside some stretches, as sixty bits.';

CREATE VIEW market.lives AS
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

CREATE VIEW market.imported_feeds AS
SELECT feed FROM market.instruments
GROUP BY feed
HAVING count(live_since) = 0 AND bool_or(history <> '{}');
COMMENT ON VIEW market.imported_feeds IS 'Feeds that never sent anything: all their data were imported, so nothing is expected of them as time goes on.';

-- Default privileges know no difference between a table and a view.
REVOKE INSERT, UPDATE, DELETE ON market.lives, market.imported_feeds FROM chandlery_writer;

-- Whatever no import is known to have brought counts as sent by its feed.
UPDATE market.instruments SET live_since = date_bin('1 hour', data_from, '2000-01-01 00:00Z')
WHERE data_from IS NOT NULL AND instrument_id NOT IN (SELECT instrument_id FROM market.imports);
UPDATE market.instruments AS n
SET live_since = known.live_since, history = coalesce(market.join_days(known.days), '{}')
FROM (
    SELECT
        instrument_id, min(hour) FILTER (WHERE NOT imported) AS live_since,
        range_agg(tstzrange(day, day + INTERVAL '24 hours')) FILTER (WHERE imported) AS days
    FROM (
        SELECT
            instrument_id, h.hour, date_bin('1 day', h.hour, '2000-01-01 00:00Z') AS day, i.hours @> h.hour AS imported
        FROM market.candle_hours AS h
        JOIN (
            SELECT instrument_id, range_agg(tstzrange(starts, ends)) AS hours FROM market.imports GROUP BY instrument_id
        ) AS i USING (instrument_id)
        WHERE bit_count(h.complete | h.partial) > 0
    ) AS hours
    GROUP BY instrument_id
) AS known
WHERE n.instrument_id = known.instrument_id;

-- The next run ends the gaps where nothing is expected any more: nobody has judged that time then.
UPDATE market.judged AS j
SET stretches = known.stretches * l.life, share = NULL, since = NULL
FROM market.judged_stretches AS known
JOIN market.lives AS l USING (instrument_id)
WHERE j.instrument_id = known.instrument_id AND j.component = known.component AND NOT l.life @> known.stretches;

COMMENT ON COLUMN market.feeds.live IS 'Whether ticks are expected while its sessions are open; of a feed that is not live, neither its silence nor the age of its candles is told. Gaps are, as far as market.lives reaches.';
COMMENT ON COLUMN market.gaps.healed_from IS 'The sources of the candles that stand there now; no_trades where the silence has been explained since; not_judged where the feed lived after all, and the instrument did not trade by which to tell more; not_expected where the calendar was corrected, or by market.lives nothing is expected.';
