CREATE OR REPLACE FUNCTION market.forget_judged_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM market.forget_judged(array_agg(instrument_id), array_agg(first), array_agg(last))
        FROM (SELECT instrument_id, hour, complete | partial AS bits FROM after) AS changed
        CROSS JOIN LATERAL market.minutes_around(hour, bits)
        WHERE bit_count(bits) > 0;
    ELSE
        PERFORM market.forget_judged(array_agg(instrument_id), array_agg(first), array_agg(last))
        FROM (
            SELECT instrument_id, hour, (before.complete # after.complete) | (before.partial # after.partial) AS bits
            FROM before JOIN after USING (instrument_id, hour)
        ) AS changed
        CROSS JOIN LATERAL market.minutes_around(hour, bits)
        WHERE bit_count(bits) > 0;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.forget_judged_hours IS 'Where candles came, went or changed, silence was judged by other data.';
