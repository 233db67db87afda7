CREATE OR REPLACE FUNCTION market.forget_judged_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM market.forget_judged(dataset, array_agg(instrument_id), array_agg(first), array_agg(last))
        FROM (SELECT dataset, instrument_id, hour, complete | partial AS bits FROM after) AS changed
        CROSS JOIN LATERAL market.minutes_around(hour, bits)
        WHERE bit_count(bits) > 0
        GROUP BY dataset;
    ELSE
        PERFORM market.forget_judged(dataset, array_agg(instrument_id), array_agg(first), array_agg(last))
        FROM (
            SELECT dataset, instrument_id, hour, (before.complete # after.complete) | (before.partial # after.partial) AS bits
            FROM before JOIN after USING (dataset, instrument_id, hour)
        ) AS changed
        CROSS JOIN LATERAL market.minutes_around(hour, bits)
        WHERE bit_count(bits) > 0
        GROUP BY dataset;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.forget_judged_hours IS 'Where rows came, went or changed, silence was judged by other data.';
