CREATE OR REPLACE FUNCTION market.silence_limit(name text) RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT silence_seconds FROM market.feeds WHERE feed = name), 20)
$$;
COMMENT ON FUNCTION market.silence_limit IS 'Seconds on end without a tick after which a feed has fallen silent.';
