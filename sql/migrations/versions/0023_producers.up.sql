-- Who produces ticks need do no more than write them, and look instruments up.
DO $$
BEGIN
    IF to_regrole('chandlery_producer') IS NULL THEN
        IF NOT (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = session_user) THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('%s may not create roles, and there is none named chandlery_producer', session_user),
                HINT = 'as a superuser run: CREATE ROLE chandlery_producer; and run this migration again';
        END IF;
        -- The owner, as which migrations run, creates no roles.
        SET LOCAL ROLE NONE;
        BEGIN
            CREATE ROLE chandlery_producer NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database is migrated at the same moment
        END;
        SET LOCAL ROLE chandlery_owner;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA market TO chandlery_producer;
GRANT SELECT, INSERT, UPDATE, DELETE ON market.ticks TO chandlery_producer;
GRANT SELECT ON market.instruments, market.calendars, market.sessions TO chandlery_producer;
