CREATE OR REPLACE FUNCTION market.net_legs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('chandlery.netting', true) = 'on' THEN
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM market.net_transactions(
            ARRAY[OLD.instrument_id], ARRAY[OLD.venue], ARRAY[OLD.tx], ARRAY[OLD.direction], ARRAY[OLD.taken_off <> 0]
        );
        RETURN NULL;
    ELSIF NOT EXISTS (SELECT FROM written) THEN
        RETURN NULL;
    END IF;
    -- Only at a statement's end does TimescaleDB say that a chunk in columns has rows as well: until then nobody sees what this one
    -- wrote there. Another statement that comes to the same chunks, and changes nothing, has it said.
    PERFORM set_config('chandlery.netting', 'on', true);
    INSERT INTO market.flows (instrument_id, venue, time, tx, leg, direction, amount)
    SELECT w.*
    FROM timescaledb_information.chunks AS c
    CROSS JOIN LATERAL (
        SELECT w.instrument_id, w.venue, w.time, w.tx, w.leg, w.direction, w.amount
        FROM written AS w
        WHERE w.time >= c.range_start AND w.time < c.range_end
        LIMIT 1
    ) AS w
    WHERE c.hypertable_schema = 'market' AND c.hypertable_name = 'flows' AND c.is_compressed
    ON CONFLICT DO NOTHING;
    PERFORM set_config('chandlery.netting', 'off', true);
    IF TG_OP = 'INSERT' THEN
        PERFORM market.net_transactions(
            array_agg(instrument_id), array_agg(venue), array_agg(tx), array_agg(direction), array_agg(is_netted)
        )
        FROM (
            SELECT instrument_id, venue, tx, direction, bool_or(taken_off <> 0) AS is_netted
            FROM written GROUP BY 1, 2, 3, 4
        ) AS touched;
    ELSE
        PERFORM market.net_transactions(
            array_agg(instrument_id), array_agg(venue), array_agg(tx), array_agg(direction), array_agg(is_netted)
        )
        FROM (
            SELECT instrument_id, venue, tx, direction, bool_or(taken_off <> 0) AS is_netted
            FROM (
                SELECT instrument_id, venue, tx, direction, taken_off FROM removed
                UNION ALL SELECT instrument_id, venue, tx, direction, taken_off FROM written
            ) AS ends
            GROUP BY 1, 2, 3, 4
        ) AS touched;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.net_legs IS 'Has the transactions of changed legs netted. For INSERT and UPDATE by statement, with transition tables written and removed; for DELETE by row.';
