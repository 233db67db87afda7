-- Users, their watchlists and alerts: rows that nobody sees but their user, and who evaluates alerts.

DO $$
DECLARE
    missing text[] := ARRAY(
        SELECT name FROM unnest(ARRAY['chandlery_desk', 'chandlery_alerts']) AS name WHERE to_regrole(name) IS NULL
    );
    name text;
BEGIN
    IF missing = '{}' AND pg_has_role('chandlery_owner', 'chandlery_desk', 'MEMBER')
        AND pg_has_role('chandlery_owner', 'chandlery_alerts', 'MEMBER')
        AND pg_has_role('chandlery_writer', 'chandlery_alerts', 'MEMBER')
    THEN
        RETURN;
    END IF;
    IF NOT (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = session_user) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s may not create the roles chandlery_desk and chandlery_alerts', session_user),
            HINT = 'as a superuser run: CREATE ROLE chandlery_desk; CREATE ROLE chandlery_alerts; '
                || 'GRANT chandlery_desk, chandlery_alerts TO chandlery_owner; GRANT chandlery_alerts TO chandlery_writer; '
                || 'and run this migration again';
    END IF;
    -- The owner, as which migrations run, creates no roles.
    SET LOCAL ROLE NONE;
    FOREACH name IN ARRAY missing LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOBYPASSRLS', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database is migrated at the same moment
        END;
    END LOOP;
    -- Their rights are for those who take the role: policies ask for it, and who only inherits sees nothing.
    GRANT chandlery_desk, chandlery_alerts TO chandlery_owner;
    GRANT chandlery_alerts TO chandlery_writer;
    SET LOCAL ROLE chandlery_owner;
END
$$;

-- What a type in a key says; schema/desk has the current text.
CREATE OR REPLACE FUNCTION market.asset_type_of(instrument_key text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE upper(substr(instrument_key, length(instrument_key) - strpos(reverse(instrument_key), '@') + 2))
    WHEN 'EQ' THEN 'stock' WHEN 'EQUITY' THEN 'stock' WHEN 'STOCK' THEN 'stock' WHEN 'SHARE' THEN 'stock'
    WHEN 'ETF' THEN 'etf'
    WHEN 'CRYPTO' THEN 'crypto'
    WHEN 'FX' THEN 'forex' WHEN 'FOREX' THEN 'forex'
    WHEN 'COMMODITY' THEN 'commodity'
    WHEN 'INDEX' THEN 'index'
    WHEN 'FUT' THEN 'future' WHEN 'FUTURE' THEN 'future' WHEN 'PERP' THEN 'future'
    WHEN 'OPT' THEN 'option' WHEN 'OPTION' THEN 'option'
END;
CREATE OR REPLACE FUNCTION market.set_asset_type() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.asset_type := market.asset_type_of(NEW.instrument_key);
    RETURN NEW;
END
$$;

ALTER TABLE market.instruments
    ADD COLUMN name text CHECK (name <> ''),
    ADD COLUMN asset_type text COLLATE "C"
        CHECK (asset_type IN ('stock', 'etf', 'crypto', 'forex', 'commodity', 'index', 'future', 'option')),
    ADD COLUMN exchange text GENERATED ALWAYS AS (split_part(instrument_key, '@', 1)) STORED,
    ADD COLUMN sector text CHECK (sector <> ''),
    ADD COLUMN industry text CHECK (industry <> ''),
    ADD COLUMN uuid uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE;
COMMENT ON COLUMN market.instruments.asset_type IS 'What it is; where nobody says, what the type in its key says; null: that says nothing.';
COMMENT ON COLUMN market.instruments.exchange IS 'As its key says.';
COMMENT ON COLUMN market.instruments.uuid IS 'What other systems may know it by; it never changes.';
UPDATE market.instruments SET asset_type = market.asset_type_of(instrument_key)
WHERE market.asset_type_of(instrument_key) IS NOT NULL;
CREATE TRIGGER set_asset_type BEFORE INSERT ON market.instruments
    FOR EACH ROW WHEN (NEW.asset_type IS NULL) EXECUTE FUNCTION market.set_asset_type();

CREATE TABLE market.users (
    user_id text COLLATE "C" PRIMARY KEY CHECK (user_id <> ''),
    username text,
    email text,
    is_active boolean NOT NULL DEFAULT true,
    is_admin boolean NOT NULL DEFAULT false,
    last_login timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE market.users IS 'Who has used the desk. No passwords: who somebody is, the identity provider says.';
COMMENT ON COLUMN market.users.user_id IS 'The sub of the token, under IAM the ARN, on one''s own machine the name that --user gives.';
COMMENT ON COLUMN market.users.is_active IS 'Whether he may use the desk; the operator says so.';
COMMENT ON COLUMN market.users.is_admin IS 'For programs of the desk: no policy goes by it.';

CREATE TABLE market.watchlists (
    watchlist_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL DEFAULT current_setting('chandlery.user', true) REFERENCES market.users ON DELETE CASCADE,
    name text NOT NULL CHECK (btrim(name) <> ''),
    description text,
    colour text,
    icon text,
    is_default boolean NOT NULL DEFAULT false,
    revision bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, name),
    UNIQUE (watchlist_id, user_id)
);
CREATE UNIQUE INDEX watchlists_default_idx ON market.watchlists (user_id) WHERE is_default;
COMMENT ON TABLE market.watchlists IS 'Lists of instruments that users look at; one of each user may be the default.';

CREATE TABLE market.watchlist_items (
    item_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    watchlist_id bigint NOT NULL,
    user_id text COLLATE "C" NOT NULL DEFAULT current_setting('chandlery.user', true),
    instrument_id integer NOT NULL REFERENCES market.instruments ON DELETE CASCADE,
    position integer NOT NULL CHECK (position >= 0),
    notes text,
    price_alert_high numeric CHECK (price_alert_high > '-Infinity' AND price_alert_high < 'Infinity'),
    price_alert_low numeric CHECK (price_alert_low > '-Infinity' AND price_alert_low < 'Infinity'),
    revision bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (price_alert_low < price_alert_high),
    UNIQUE (watchlist_id, instrument_id),
    UNIQUE (item_id, user_id),
    -- Nobody puts an item into the list of another.
    FOREIGN KEY (watchlist_id, user_id) REFERENCES market.watchlists (watchlist_id, user_id) ON DELETE CASCADE
);
CREATE INDEX watchlist_items_instrument_idx ON market.watchlist_items (instrument_id);
COMMENT ON TABLE market.watchlist_items IS 'Instruments of watchlists, in order of position, then of item_id.';
COMMENT ON COLUMN market.watchlist_items.price_alert_high IS 'A trigger keeps an alert at this level, and at the low one.';

CREATE TABLE market.alerts (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL DEFAULT current_setting('chandlery.user', true) REFERENCES market.users ON DELETE CASCADE,
    instrument_id integer NOT NULL REFERENCES market.instruments ON DELETE CASCADE,
    item_id bigint,
    side text COLLATE "C" NOT NULL CHECK (side IN ('high', 'low')),
    level numeric NOT NULL CHECK (level > '-Infinity' AND level < 'Infinity'),
    is_recurring boolean NOT NULL DEFAULT false,
    expires_at timestamptz CHECK (isfinite(expires_at)),
    note text,
    state text COLLATE "C" NOT NULL DEFAULT 'armed' CHECK (state IN ('armed', 'fired', 'expired')),
    armed_at timestamptz NOT NULL DEFAULT now() CHECK (isfinite(armed_at)),
    is_new boolean NOT NULL DEFAULT true,
    revision bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (item_id, side),
    FOREIGN KEY (item_id, user_id) REFERENCES market.watchlist_items (item_id, user_id) ON DELETE CASCADE
);
CREATE INDEX alerts_user_idx ON market.alerts (user_id);
CREATE INDEX alerts_instrument_idx ON market.alerts (instrument_id);
CREATE INDEX alerts_armed_idx ON market.alerts (instrument_id) WHERE state = 'armed';
CREATE INDEX alerts_expiry_idx ON market.alerts (expires_at) WHERE state = 'armed' AND expires_at IS NOT NULL;
CREATE INDEX alerts_new_idx ON market.alerts (armed_at) WHERE is_new;
COMMENT ON TABLE market.alerts IS 'Levels of instruments: users are notified when the price crosses them.';
COMMENT ON COLUMN market.alerts.item_id IS 'The item of a watchlist whose level it is; null: it belongs to none.';
COMMENT ON COLUMN market.alerts.armed_at IS 'Since when it is armed: minutes before are not its.';
COMMENT ON COLUMN market.alerts.is_new IS 'Armed so recently that a candle may still come whose writer did not see it: all minutes since are looked at again.';

CREATE TABLE market.alert_firings (
    alert_id bigint NOT NULL REFERENCES market.alerts ON DELETE CASCADE,
    minute timestamptz NOT NULL,
    user_id text COLLATE "C" NOT NULL REFERENCES market.users ON DELETE CASCADE,
    instrument_id integer NOT NULL,
    side text COLLATE "C" NOT NULL,
    level numeric NOT NULL,
    price numeric NOT NULL,
    close_before numeric,
    armed_at timestamptz NOT NULL,
    fired_at timestamptz NOT NULL,
    is_late boolean NOT NULL,
    revised_at timestamptz,
    PRIMARY KEY (alert_id, minute)
);
CREATE INDEX alert_firings_minute_idx ON market.alert_firings (minute);
CREATE INDEX alert_firings_user_idx ON market.alert_firings (user_id);
COMMENT ON TABLE market.alert_firings IS 'The minutes in which alerts fired, as they were then.';
COMMENT ON COLUMN market.alert_firings.price IS 'High or low of the minute; of the one in which it was armed, the close.';
COMMENT ON COLUMN market.alert_firings.is_late IS 'A later run found it than the one after the minute: a late tick, a healed gap, or a run that was missed.';
COMMENT ON COLUMN market.alert_firings.revised_at IS 'The run that found the minute changed, so that it would not have fired; null: it would.';

CREATE TABLE market.watched_instruments (
    instrument_id integer PRIMARY KEY REFERENCES market.instruments ON DELETE CASCADE,
    since timestamptz NOT NULL
);
COMMENT ON TABLE market.watched_instruments IS 'Instruments that an alert was ever on, and the first moment one was armed: changes of their candles leave marks in market.alert_minutes.';

CREATE TABLE market.alert_minutes (
    minute timestamptz NOT NULL,
    instrument_ids integer[] NOT NULL
);
CREATE INDEX alert_minutes_minute_idx ON market.alert_minutes (minute);
COMMENT ON TABLE market.alert_minutes IS 'Marks: minutes whose candles changed, of instruments that alerts are on; taken by the alert processor.';

-- The current text of each is in sql/schema.
CREATE OR REPLACE FUNCTION market.mark_alert_minutes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN NULL; END $$;
CREATE OR REPLACE FUNCTION market.watch_instruments() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN NULL; END $$;
CREATE OR REPLACE FUNCTION market.arm_item_alerts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN NULL; END $$;
CREATE OR REPLACE FUNCTION market.crosses(side text, level numeric, before numeric, high numeric, low numeric) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE side WHEN 'high' THEN before <= level AND high > level ELSE before >= level AND low < level END;

CREATE TRIGGER mark_inserted_alert_minutes AFTER INSERT ON market.candles
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_alert_minutes();
CREATE TRIGGER mark_updated_alert_minutes AFTER UPDATE ON market.candles
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_alert_minutes();
CREATE TRIGGER mark_deleted_alert_minute AFTER DELETE ON market.candles
    FOR EACH ROW EXECUTE FUNCTION market.mark_alert_minutes();
CREATE TRIGGER watch_instruments AFTER INSERT OR UPDATE OF armed_at ON market.alerts
    FOR EACH ROW EXECUTE FUNCTION market.watch_instruments();
CREATE TRIGGER arm_item_alerts AFTER INSERT OR UPDATE OF price_alert_high, price_alert_low ON market.watchlist_items
    FOR EACH ROW EXECUTE FUNCTION market.arm_item_alerts();

-- Default privileges give writers and readers all there is.
REVOKE ALL ON
    market.users, market.watchlists, market.watchlist_items, market.alerts, market.alert_firings,
    market.watched_instruments, market.alert_minutes
FROM chandlery_writer, chandlery_reader;

GRANT USAGE ON SCHEMA market TO chandlery_desk, chandlery_alerts;
GRANT SELECT ON market.schema_revision, market.instruments TO chandlery_desk, chandlery_alerts;
GRANT SELECT ON market.calendars TO chandlery_desk;
GRANT SELECT, INSERT (user_id, username, email, last_login), UPDATE (username, email, last_login, updated_at)
    ON market.users TO chandlery_desk;
GRANT SELECT, INSERT, UPDATE, DELETE ON market.watchlists, market.watchlist_items, market.alerts TO chandlery_desk;
GRANT SELECT ON market.alert_firings TO chandlery_desk;
GRANT SELECT ON market.candles TO chandlery_alerts;
-- Whose an alert is, and its level, are none of its business.
GRANT SELECT, UPDATE (state, is_new, revision, updated_at) ON market.alerts TO chandlery_alerts;
GRANT SELECT, INSERT, UPDATE (revised_at) ON market.alert_firings TO chandlery_alerts;
GRANT SELECT, INSERT, DELETE ON market.alert_minutes TO chandlery_alerts;
-- Without a look at what others are notified of.
GRANT INSERT ON market.outbox TO chandlery_alerts;

-- Forced, so that the owner, as which some functions connect, sees no more than others. A policy for the role that was taken,
-- and not for its members: on PostgreSQL 15 they inherit whatever it has.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['users', 'watchlists', 'watchlist_items', 'alerts', 'alert_firings'] LOOP
        EXECUTE format('ALTER TABLE market.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY own_rows ON market.%I TO chandlery_desk'
            ' USING (current_user = ''chandlery_desk'' AND user_id = current_setting(''chandlery.user'', true))', name
        );
        -- A role that may read everything makes backups.
        EXECUTE format('CREATE POLICY backed_up ON market.%I FOR SELECT TO pg_read_all_data USING (true)', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['alerts', 'alert_firings'] LOOP
        EXECUTE format(
            'CREATE POLICY evaluated ON market.%I TO chandlery_alerts USING (current_user = ''chandlery_alerts'')', name
        );
    END LOOP;
END
$$;
