-- What gap monitors have judged, instrument by instrument: silence there is explained or a gap, elsewhere nobody knows.

CREATE TABLE market.reaches (
    component text NOT NULL,
    share integer NOT NULL,
    ends timestamptz NOT NULL,
    PRIMARY KEY (component, share)
);
COMMENT ON TABLE market.reaches IS 'How far a gap monitor has come with instruments that it scans together: one row moves on with every scan, and not one for each of them.';
COMMENT ON COLUMN market.reaches.share IS 'The first instrument_id of those that are scanned together.';

CREATE TABLE market.judged (
    instrument_id integer NOT NULL REFERENCES market.instruments ON DELETE CASCADE,
    component text NOT NULL,
    calendar text NOT NULL,
    feed text NOT NULL,
    stretches tstzmultirange NOT NULL,
    share integer,
    since timestamptz,
    PRIMARY KEY (instrument_id, component),
    CHECK ((share IS NULL) = (since IS NULL))
);
COMMENT ON TABLE market.judged IS 'Which times of an instrument a gap monitor has judged, by the calendar and the feed it had then. Read it by market.judged_stretches.';
COMMENT ON COLUMN market.judged.stretches IS 'Those that move no more.';
COMMENT ON COLUMN market.judged.since IS 'From here up to where the reach of its share ends; null where that is part of the stretches.';

CREATE VIEW market.judged_stretches AS
SELECT
    j.component, j.instrument_id,
    j.stretches + CASE WHEN j.since < r.ends THEN tstzmultirange(tstzrange(j.since, r.ends)) ELSE '{}' END AS stretches
FROM market.judged AS j
JOIN market.instruments AS n USING (instrument_id, calendar, feed)
LEFT JOIN market.reaches AS r USING (component, share);
COMMENT ON VIEW market.judged_stretches IS 'The times each gap monitor has judged of each instrument. What another calendar or feed led to counts no longer.';

-- The lock of the ledger makes it sure that no scan of the former sessions is under way, to judge what it has not seen.
CREATE FUNCTION market.forget_judged_sessions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('market.gaps'));
    UPDATE market.judged AS j
    SET stretches = known.stretches - come.stretches, share = NULL, since = NULL
    FROM (
        SELECT calendar, range_agg(tstzrange(opens_at, closes_at)) AS stretches FROM changed GROUP BY calendar
    ) AS come, market.judged_stretches AS known
    WHERE j.calendar = come.calendar AND known.instrument_id = j.instrument_id AND known.component = j.component
        AND known.stretches && come.stretches;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.forget_judged_sessions IS 'What a session makes expected was judged by nobody yet.';
CREATE TRIGGER forget_judged_inserted AFTER INSERT ON market.sessions
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION market.forget_judged_sessions();
CREATE TRIGGER forget_judged_updated AFTER UPDATE ON market.sessions
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION market.forget_judged_sessions();

CREATE FUNCTION market.forget_judged(instrument_ids integer[], first_minutes timestamptz[], last_minutes timestamptz[])
RETURNS void LANGUAGE sql
BEGIN ATOMIC
    UPDATE market.judged AS j
    SET stretches = known.stretches - gone.stretch, share = NULL, since = NULL
    FROM (
        SELECT instrument_id, tstzmultirange(tstzrange(min(first), max(last) + INTERVAL '1 minute')) AS stretch
        FROM unnest(instrument_ids, first_minutes, last_minutes) AS changed (instrument_id, first, last)
        GROUP BY instrument_id
    ) AS gone
    JOIN market.judged_stretches AS known USING (instrument_id)
    WHERE j.instrument_id = known.instrument_id AND j.component = known.component AND known.stretches && gone.stretch;
END;
COMMENT ON FUNCTION market.forget_judged IS 'Of each instrument, what lies between the first and the last of some minutes is judged no longer.';

CREATE FUNCTION market.forget_judged_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM market.forget_judged(array_agg(instrument_id), array_agg(first), array_agg(last))
        FROM (SELECT instrument_id, hour, complete | partial AS bits FROM after) AS changed
        CROSS JOIN LATERAL market.minutes_around(hour, bits)
        WHERE bit_count(bits) > 0;
    ELSE
        PERFORM market.forget_judged(array_agg(instrument_id), array_agg(first), array_agg(last))
        FROM (
            SELECT instrument_id, hour, (before.complete # after.complete) | (before.partial # after.partial) AS bits
            FROM before JOIN after USING (instrument_id, hour)
        ) AS changed
        CROSS JOIN LATERAL market.minutes_around(hour, bits)
        WHERE bit_count(bits) > 0;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.forget_judged_hours IS 'Where candles came, went or changed, silence was judged by other data.';

CREATE FUNCTION market.minutes_around(hour timestamptz, bits bit, OUT first timestamptz, OUT last timestamptz)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(
    hour + (position(B'1' IN bits) - 1) * INTERVAL '1 minute',
    hour + (length(rtrim(bits::text, '0')) - 1) * INTERVAL '1 minute'
);
COMMENT ON FUNCTION market.minutes_around IS 'The first and the last of an hour''s minutes that are set.';

CREATE TRIGGER forget_judged_inserted AFTER INSERT ON market.candle_hours
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION market.forget_judged_hours();
CREATE TRIGGER forget_judged_updated AFTER UPDATE ON market.candle_hours
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION market.forget_judged_hours();

DROP VIEW market.coverage;
DROP FUNCTION market.hour_coverage(timestamptz, timestamptz);

CREATE FUNCTION market.hour_coverage(window_starts timestamptz, window_ends timestamptz)
RETURNS TABLE (
    instrument_id integer, session_date date, hour timestamptz, expected bit(60), present bit(60), open bit(60), judged bit(60)
) LANGUAGE sql STABLE AS $$
    -- Candles are expected from an instrument's listing, or else its first known data, up to its last.
    SELECT
        n.instrument_id, s.session_date, s.hour, e.minutes, coalesce(h.complete & e.minutes, 0::bit(60)),
        coalesce(
            (
                SELECT bit_or(market.minute_mask(market.minute_of(s.hour, g.starts), market.minute_of(s.hour, g.ends)))
                FROM market.gaps AS g
                WHERE g.instrument_id = n.instrument_id AND g.healed_at IS NULL AND g.starts < s.ends AND g.ends > s.starts
            ) & e.minutes & ~coalesce(h.complete, 0::bit(60)),
            0::bit(60)
        ),
        CASE
            WHEN j.stretches @> tstzrange(s.starts, s.ends) THEN e.minutes
            WHEN j.stretches && tstzrange(s.starts, s.ends) THEN (
                SELECT bit_or(market.minute_mask(market.minute_of(s.hour, lower(part)), market.minute_of(s.hour, upper(part))))
                FROM unnest(j.stretches * tstzmultirange(tstzrange(s.starts, s.ends))) AS part
            ) & e.minutes
            ELSE 0::bit(60)
        END
    FROM market.instruments AS n
    JOIN market.expected_stretches(window_starts, window_ends) AS s
        ON s.calendar = n.calendar
        AND s.ends > coalesce(n.listed_at, n.data_from) AND (s.starts < n.delisted_at) IS NOT FALSE
    CROSS JOIN LATERAL (
        SELECT market.minute_mask(
            market.minute_of(s.hour, greatest(s.starts, coalesce(n.listed_at, n.data_from))),
            market.minute_of(s.hour, least(s.ends, n.delisted_at))
        ) AS minutes
    ) AS e
    LEFT JOIN market.candle_hours AS h
        ON h.instrument_id = n.instrument_id AND h.hour = s.hour
        AND h.hour > window_starts - INTERVAL '1 hour' AND h.hour < window_ends
    CROSS JOIN LATERAL (
        SELECT range_agg(known.stretches) AS stretches
        FROM market.judged_stretches AS known
        WHERE known.instrument_id = n.instrument_id
    ) AS j
$$;
COMMENT ON FUNCTION market.hour_coverage IS 'Expected, present, open and judged minutes of each instrument and hour; silence that is judged and not open is explained.';

CREATE VIEW market.coverage AS
SELECT *, round((present + explained)::numeric / expected, 6) AS coverage
FROM (
    SELECT
        n.instrument_key, n.feed, c.session_date,
        sum(bit_count(c.expected)) AS expected,
        sum(bit_count(c.present)) AS present,
        sum(bit_count(c.expected & ~c.present & ~c.open & c.judged)) AS explained,
        sum(bit_count(c.open)) AS missing,
        sum(bit_count(c.expected & ~c.present & ~c.open & ~c.judged)) AS not_judged
    FROM market.hour_coverage('-infinity', (SELECT max(upper(stretches)) FROM market.judged_stretches)) AS c
    JOIN market.instruments AS n USING (instrument_id)
    WHERE bit_count(c.expected) > 0
    GROUP BY n.instrument_key, n.feed, c.session_date
) AS day;
COMMENT ON VIEW market.coverage IS 'Per instrument and session date, up to the last minute a gap monitor has judged: (present + explained) / expected. Missing is what was judged, and is open; what nobody has judged is neither.';

-- Default privileges know no difference between a table and a view.
REVOKE INSERT, UPDATE, DELETE ON market.judged_stretches, market.coverage FROM chandlery_writer;

COMMENT ON TABLE market.scans IS 'The stretch each gap monitor has looked through last, and where it goes on. What it judged of an instrument: market.judged_stretches.';
COMMENT ON COLUMN market.gaps.healed_from IS 'The sources of the candles that stand there now; no_trades where the silence has been explained since; not_judged where the feed lived after all, and the instrument did not trade by which to tell more; not_expected where the calendar was corrected.';
