CREATE OR REPLACE FUNCTION market.minutes_within(hour timestamptz, stretches tstzmultirange) RETURNS bit(60) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        bit_or(market.minute_mask(market.minute_of(hour, lower(part)), market.minute_of(hour, upper(part)))), 0::bit(60)
    )
    FROM unnest(stretches * tstzmultirange(tstzrange(hour, hour + INTERVAL '1 hour'))) AS part
$$;
COMMENT ON FUNCTION market.minutes_within IS 'The minutes of an hour that start inside some stretches, as sixty bits.';
