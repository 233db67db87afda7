-- The views that 0007 made in a loop: no statement of a migration has their text.
DO $$
DECLARE
    kind record;
BEGIN
    FOR kind IN
        SELECT * FROM (VALUES
            ('candles_1d', 'session_date::timestamp'),
            ('candles_1w', 'date_trunc(''week'', session_date::timestamp)'),
            ('candles_1mo', 'date_trunc(''month'', session_date::timestamp)')
        ) AS kinds (name, starts)
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW market.%I AS'
            ' SELECT instrument_id, %s AT TIME ZONE ''UTC'' AS time, %s FROM market.candles_1d_parts'
            ' GROUP BY instrument_id, %2$s AT TIME ZONE ''UTC''',
            kind.name, kind.starts, market.derived_columns('candles_1d_parts')
        );
    END LOOP;
END
$$;
COMMENT ON VIEW market.candles_1d IS 'Regular sessions, the minute of the closing auction included; time is the session date at 00:00 UTC.';
COMMENT ON VIEW market.candles_1w IS 'Weeks of session dates; time is their Monday at 00:00 UTC.';
COMMENT ON VIEW market.candles_1mo IS 'Months of session dates; time is their first day at 00:00 UTC.';
REVOKE INSERT, UPDATE, DELETE ON market.candles_1d, market.candles_1w, market.candles_1mo FROM chandlery_writer;
