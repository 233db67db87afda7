CREATE OR REPLACE FUNCTION market.show_number(number double precision) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN number = 0 THEN '0'
        ELSE trim_scale(round(number::numeric, greatest(5 - floor(log(abs(number)))::integer, 0)))::text
    END
$$;
COMMENT ON FUNCTION market.show_number IS 'A number for people: six digits, and all before the point.';
