CREATE OR REPLACE FUNCTION market.net_legs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM market.net_transactions(
            ARRAY[OLD.instrument_id], ARRAY[OLD.venue], ARRAY[OLD.tx], ARRAY[OLD.direction], ARRAY[OLD.taken_off <> 0]
        );
    -- Netting writes as well, nothing at its end.
    ELSIF NOT EXISTS (SELECT FROM written) THEN
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
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
