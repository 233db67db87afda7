CREATE OR REPLACE FUNCTION market.unique_key(table_name text, OUT time_column text, OUT keys text[], OUT best_first text)
LANGUAGE sql IMMUTABLE AS $$
    SELECT known.time_column, known.keys, known.best_first FROM (VALUES
        ('time', '{instrument_id,time,seq}'::text[], 'cancelled DESC', 'ticks'),
        ('time', '{instrument_id,time}', 'version DESC, partial, revision DESC', 'candles'),
        ('time', '{instrument_id,timeframe,name,parameters,time}', 'made_at DESC', 'indicators'),
        ('day', '{instrument_id,session_date,day}', 'minutes DESC, volume DESC', 'candles_1d_parts'),
        ('time', '{instrument_id,time}', 'minutes DESC, volume DESC', 'derived')
    ) AS known (time_column, keys, best_first, name)
    WHERE known.name = CASE WHEN table_name ~ '^candles_\d+(m|h)$' THEN 'derived' ELSE table_name END
$$;
COMMENT ON FUNCTION market.unique_key IS 'The columns by which a row of a table can stand only once, and which of several is to be kept: the best comes first.';
