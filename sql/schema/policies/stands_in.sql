CREATE OR REPLACE FUNCTION market.stands_in(at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    -- TimescaleDB's jobs go by the server's clock: for another time they do nothing.
    SELECT NOT market.has_scheduler() OR abs(extract(epoch FROM at - now())) > 600
$$;
COMMENT ON FUNCTION market.stands_in IS 'Whether policy maintenance carries out the policies itself at a moment: no scheduler runs, or the moment is replayed.';
