-- A desk as it was at revision 0016, on Friday 2013-10-11 at 19:30 UTC: what its code had written by then, added to the
-- ticks and the vendor's candles, which are there already. By that revision's own columns and functions alone.

-- Minutes before half past seven have been aggregated; the marks of the others remain.
DELETE FROM market.dirty WHERE bucket < '2013-10-11 19:30Z';
SELECT set_config('chandlery.writing', 'on', true);
INSERT INTO market.candles (
    instrument_id, time, open, high, low, close, volume, turnover, trades, price_eligible, session_date, extended, source,
    version, updated_at
)
SELECT
    m.instrument_id, m.minute, m.open, m.high, m.low, m.close, m.volume, m.turnover, m.trades, m.eligible,
    s.session_date, s.extended, 'live_aggregated', extract(epoch FROM m.minute) * 1000, m.minute + INTERVAL '65 s'
FROM (
    SELECT
        instrument_id, minute, bool_or(updates_ohlc) AS eligible, count(*) AS trades,
        (array_agg(price ORDER BY time, seq) FILTER (WHERE sets))[1] AS open,
        (array_agg(price ORDER BY time DESC, seq DESC) FILTER (WHERE sets))[1] AS close,
        max(price) FILTER (WHERE sets) AS high, min(price) FILTER (WHERE sets) AS low,
        sum(size) AS volume, sum(price * size) AS turnover
    FROM (
        SELECT t.*, b.minute, t.updates_ohlc OR NOT bool_or(t.updates_ohlc) OVER (PARTITION BY t.instrument_id, b.minute) AS sets
        FROM market.ticks AS t CROSS JOIN LATERAL date_bin('1 minute', t.time, '2000-01-01 00:00Z') AS b (minute)
        WHERE t.time < '2013-10-11 19:30Z'
    ) AS each
    GROUP BY instrument_id, minute
) AS m
CROSS JOIN LATERAL market.session_stamp('XNYS', m.minute) AS s;

-- Hours are counted, but for the last.
INSERT INTO market.candle_hours (instrument_id, hour, complete, partial, trades)
SELECT
    instrument_id, date_bin('1 hour', time, '2000-01-01 00:00Z') AS hour,
    bit_or(market.minute_mask(date_part('minute', time)::integer, date_part('minute', time)::integer + 1)), 0::bit(60),
    CASE WHEN count(trades) = count(*) THEN sum(trades) END
FROM market.candles WHERE time < '2013-10-11 19:00Z' GROUP BY 1, 2;
DELETE FROM market.uncounted WHERE hour < '2013-10-11 19:00Z';
UPDATE market.instruments SET data_from = '2013-10-07 13:30Z';
INSERT INTO market.feed_minutes
SELECT 'cts', date_bin('1 minute', time, '2000-01-01 00:00Z') AS minute,
    bit_or(market.minute_mask(date_part('second', time)::integer, date_part('second', time)::integer + 1))
FROM market.ticks WHERE time < '2013-10-11 19:30Z' GROUP BY minute;

-- The ledger: one gap is open, one has healed, one was explained.
INSERT INTO market.gaps (instrument_id, starts, ends, minutes, reason, found_at, healed_at, healed_from, attempts) VALUES
    (2, '2013-10-08 15:00Z', '2013-10-08 15:05Z', 5, 'instrument_silent', '2013-10-08 15:10Z', NULL, NULL, 2),
    (1, '2013-10-09 16:00Z', '2013-10-09 16:07Z', 7, 'feed_down', '2013-10-09 16:10Z', '2013-10-10 02:00Z', 'vendor_historical', 1),
    (2, '2013-10-09 17:00Z', '2013-10-09 17:01Z', 1, 'no_trades', '2013-10-09 17:05Z', '2013-10-09 18:00Z', 'no_trades', 0);
INSERT INTO market.scans VALUES
    ('live_gap_monitor', '2013-10-04 19:25Z', '2013-10-11 19:25Z', NULL),
    ('historical_gap_monitor', '2013-09-01 00:00Z', '2013-10-04 00:00Z', '2013-10-02 00:00Z');
INSERT INTO market.tickers VALUES (1, 'polygon', 'IBM');

-- Indicators up to half past six, and what remains to do.
INSERT INTO market.indicators (instrument_id, timeframe, name, parameters, time, value, made_from, made_by, made_at)
SELECT instrument_id, '15m', 'sma', '{"timeperiod": 20}', time, value, made_from, 'TA-Lib 0.6.4', '2013-10-11 18:30Z'
FROM (
    SELECT instrument_id, time, avg(close) OVER over_20 AS value, min(time) OVER over_20 AS made_from, count(*) OVER over_20 AS n
    FROM (
        SELECT instrument_id, time_bucket('15 minutes', time) AS time, last(close, time) AS close
        FROM market.candles WHERE time < '2013-10-11 18:30Z' GROUP BY 1, 2
    ) AS quarter
    WINDOW over_20 AS (PARTITION BY instrument_id ORDER BY time ROWS 19 PRECEDING)
) AS averaged
WHERE n = 20;
INSERT INTO market.indicator_set VALUES ('15m', 'sma', '{"timeperiod": 20}', '-infinity');
INSERT INTO market.unindicated VALUES ('2013-10-11 18:00Z', '{1,2}', NULL, NULL);
INSERT INTO market.unindicated_hours VALUES (2, '2013-10-11 17:00Z', '15m');
INSERT INTO market.open_hours (hour, settled) VALUES ('2013-10-11 18:00Z', '2013-10-11 18:30Z');

-- What ran, and what retention had dropped.
INSERT INTO market.runs (component, scheduled_at, status, counts, seconds, error) VALUES
    ('live_processor', '2013-10-11 19:30Z', 'succeeded', '{"candles_written": 1}', 0.4, NULL),
    ('live_gap_monitor', '2013-10-11 19:25Z', 'failed', '{}', 40, 'canceling statement due to statement timeout'),
    ('historical_processor', '2013-10-11 18:30Z', 'dry_run', '{}', 3, NULL);
INSERT INTO market.upkeep VALUES ('refresh candles_5m', '2013-10-11 19:25Z', '2013-10-11 19:25Z', 0, NULL);
INSERT INTO market.horizons VALUES ('ticks', '2013-09-27 18:00Z'), ('candles', '2013-07-11 00:00Z');

-- The policies that its policy maintenance kept. TimescaleDB's own refresh policies among them.
CALL market.set_columnstore('ticks', 'instrument_id', 'time, seq');
CALL market.set_columnstore('candles', 'instrument_id', 'time');
CALL market.set_columnstore('candles_5m', 'instrument_id', 'time');
DO $$
DECLARE
    kept record;
BEGIN
    FOR kept IN
        SELECT * FROM (VALUES
            ('ticks', INTERVAL '6 h', NULL::interval, NULL::interval, INTERVAL '1 day', INTERVAL '14 days'),
            ('candles', '7 days', NULL, NULL, '7 days', '90 days'), ('candles_5m', '28 days', '1 min', '2 h', '28 days', NULL),
            ('candles_15m', '70 days', '5 min', '6 h', NULL, NULL), ('candles_30m', '140 days', '10 min', '12 h', NULL, NULL),
            ('candles_1h', '280 days', '15 min', '1 day', NULL, NULL), ('candles_4h', '560 days', '1 h', '4 days', NULL, NULL),
            ('candles_1d_parts', '560 days', '1 h', '5 days', NULL, NULL)
        ) AS known (name, chunk, refresh, over, columns_after, drop_after)
    LOOP
        PERFORM set_chunk_time_interval(market.policy_relation(kept.name), kept.chunk);
        IF kept.refresh IS NOT NULL THEN
            PERFORM add_continuous_aggregate_policy(
                format('market.%I', kept.name)::regclass, start_offset => kept.over, end_offset => INTERVAL '1 minute',
                schedule_interval => kept.refresh, initial_start => now() + INTERVAL '1 day'
            );
        END IF;
        IF kept.columns_after IS NOT NULL THEN
            CALL add_columnstore_policy(
                format('market.%I', kept.name)::regclass, after => kept.columns_after, schedule_interval => INTERVAL '12 h',
                initial_start => now() + INTERVAL '1 day'
            );
        END IF;
        IF kept.drop_after IS NOT NULL THEN
            PERFORM add_job('market.apply_retention', '6 h', initial_start => now() + INTERVAL '1 day',
                config => jsonb_build_object('table_name', kept.name, 'drop_after', kept.drop_after));
        END IF;
        PERFORM add_job('market.apply_statistics', '7 days', initial_start => now() + INTERVAL '1 day',
            config => jsonb_build_object('table_name', kept.name));
    END LOOP;
END
$$;

-- A rebuild of days that was cut off after it had made its aggregate.
CALL market.create_beside(ARRAY['candles_1d_parts']);
