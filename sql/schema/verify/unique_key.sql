CREATE OR REPLACE FUNCTION market.unique_key(table_name text, OUT time_column text, OUT keys text[], OUT best_first text)
LANGUAGE sql STABLE AS $$
    SELECT known.time_column, known.keys, known.best_first FROM (
        VALUES
            ('ticks', 'time', '{instrument_id,time,seq}'::text[], 'cancelled DESC'),
            ('candles', 'time', '{instrument_id,time}', 'version DESC, partial, revision DESC'),
            ('indicators', 'time', '{instrument_id,timeframe,name,parameters,time}', 'made_at DESC')
        UNION ALL
        SELECT r.relation, r.bucket, r.keys, r.best_first FROM market.rollups AS r
    ) AS known (name, time_column, keys, best_first)
    WHERE known.name = table_name
$$;
COMMENT ON FUNCTION market.unique_key IS 'The columns by which a row of a table can stand only once, and which of several is to be kept: the best comes first.';
