DROP INDEX market.instruments_symbol;

DO $$
DECLARE
    theirs regprocedure;
BEGIN
    FOR theirs IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'market'::regnamespace AND prosecdef
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', theirs);
    END LOOP;
END
$$;
