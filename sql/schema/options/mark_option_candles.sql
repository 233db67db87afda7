CREATE OR REPLACE FUNCTION market.mark_option_candles() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM market.option_contracts) THEN
        RETURN NULL;
    END IF;
    -- A probe of each index a row, and in its order: contracts are many, and most underlyings have none.
    IF TG_OP = 'INSERT' THEN
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], time, array_agg(instrument_id), array_agg(0)
        FROM written
        WHERE coalesce(
            (SELECT true FROM market.option_contracts AS c WHERE c.instrument_id = written.instrument_id),
            (
                SELECT true FROM market.option_contracts AS c WHERE c.underlying_id = written.instrument_id
                ORDER BY c.expires_at LIMIT 1
            )
        )
        GROUP BY time;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], time, array_agg(instrument_id), array_agg(0)
        FROM (SELECT instrument_id, time FROM removed UNION SELECT instrument_id, time FROM written) AS ends
        WHERE coalesce(
            (SELECT true FROM market.option_contracts AS c WHERE c.instrument_id = ends.instrument_id),
            (
                SELECT true FROM market.option_contracts AS c WHERE c.underlying_id = ends.instrument_id
                ORDER BY c.expires_at LIMIT 1
            )
        )
        GROUP BY time;
    ELSE
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], OLD.time, ARRAY[OLD.instrument_id], ARRAY[0]
        WHERE coalesce(
            (SELECT true FROM market.option_contracts AS c WHERE c.instrument_id = OLD.instrument_id),
            (
                SELECT true FROM market.option_contracts AS c WHERE c.underlying_id = OLD.instrument_id
                ORDER BY c.expires_at LIMIT 1
            )
        );
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.mark_option_candles IS 'Of the data set made of options, named by its argument: the minutes whose candles change, of a contract or of an underlying, must be made again.';
