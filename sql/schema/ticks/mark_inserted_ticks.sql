-- The functions run with their owner's rights, so that a writer of ticks needs no right on the marks. Their argument is the data set
-- that is made of the ticks.
CREATE OR REPLACE FUNCTION market.mark_inserted_ticks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stranger integer;
BEGIN
    WITH marks AS (
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], bucket, array_agg(instrument_id), array_agg(ticks)
        FROM (
            SELECT date_bin('1 minute', time, '2000-01-01 00:00Z') AS bucket, instrument_id, count(*) AS ticks
            FROM written GROUP BY 1, 2
        ) AS touched
        GROUP BY bucket
        RETURNING instrument_ids
    )
    SELECT min(marked.instrument_id) INTO stranger
    FROM marks CROSS JOIN unnest(marks.instrument_ids) AS marked (instrument_id)
    WHERE NOT EXISTS (
        SELECT FROM market.instruments AS known WHERE known.instrument_id = marked.instrument_id
    );
    IF stranger IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('instrument_id %s is not in market.instruments', stranger),
            HINT = 'add the instrument first: chandlery instruments add EXCHANGE@SYMBOL@TYPE --calendar NAME';
    END IF;
    RETURN NULL;
END
$$;
