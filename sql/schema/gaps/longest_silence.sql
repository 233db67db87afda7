CREATE OR REPLACE FUNCTION market.longest_silence(seconds bit) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT max(length(silence))::integer FROM string_to_table(seconds::text, '1') AS silence
$$;
COMMENT ON FUNCTION market.longest_silence IS 'The most whole seconds on end without a tick.';
