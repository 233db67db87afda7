CREATE OR REPLACE FUNCTION market.mark_updated_ticks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids integer[];
    times timestamptz[];
    seqs bigint[];
    twice record;
BEGIN
    -- A correction may move a tick to another minute or instrument: both ends changed.
    INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
    SELECT TG_ARGV[0], bucket, array_agg(instrument_id), array_agg(0)
    FROM (
        SELECT date_bin('1 minute', time, '2000-01-01 00:00Z') AS bucket, instrument_id
        FROM (SELECT instrument_id, time FROM removed UNION ALL SELECT instrument_id, time FROM written) AS ends
        GROUP BY 1, 2
    ) AS touched
    GROUP BY bucket;
    -- TimescaleDB before 2.28 compares a moved row with rows alone, and not with batches of columns.
    SELECT array_agg(instrument_id), array_agg(time), array_agg(seq) INTO ids, times, seqs
    FROM (SELECT instrument_id, time, seq FROM written EXCEPT SELECT instrument_id, time, seq FROM removed) AS moved;
    IF ids IS NOT NULL THEN
        SELECT moved.* INTO twice
        FROM unnest(ids, times, seqs) AS moved (instrument_id, time, seq)
        WHERE 1 < (
            SELECT count(*) FROM market.ticks AS stored
            WHERE stored.instrument_id = moved.instrument_id AND stored.time = moved.time AND stored.seq = moved.seq
        )
        LIMIT 1;
        IF FOUND THEN
            RAISE unique_violation USING
                MESSAGE = format(
                    'a tick of instrument_id %s at %s with seq %s is stored already', twice.instrument_id, twice.time, twice.seq
                ),
                HINT = 'give the tick that moves another seq, or cancel it';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
