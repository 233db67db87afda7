-- Options: contracts, what their feeds say of them, and interest rates.

CREATE TABLE market.option_contracts (
    instrument_id integer PRIMARY KEY REFERENCES market.instruments ON DELETE CASCADE,
    underlying_id integer NOT NULL REFERENCES market.instruments,
    expiry date NOT NULL CHECK (isfinite(expiry)),
    expires_at timestamptz NOT NULL CHECK (isfinite(expires_at)),
    -- NaN and Infinity sort above every number, so one bound refuses both: here and below.
    strike numeric NOT NULL CHECK (strike > 0 AND strike < 'Infinity'),
    side text COLLATE "C" NOT NULL CHECK (side IN ('call', 'put')),
    contract text COLLATE "C" NOT NULL DEFAULT '',
    multiplier numeric NOT NULL CHECK (multiplier > 0 AND multiplier < 'Infinity'),
    style text COLLATE "C" NOT NULL CHECK (style IN ('american', 'european')),
    model text COLLATE "C" NOT NULL CHECK (model IN ('black_76', 'black_scholes_merton')),
    currency text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z][A-Z0-9]{2,9}$'),
    CHECK (instrument_id <> underlying_id),
    -- Finds those of an underlying, and of an expiry, too.
    UNIQUE (underlying_id, expires_at, strike, side, contract)
);
COMMENT ON TABLE market.option_contracts IS 'The instruments that are options: of what, until when, at which strike. One that a split adjusts is another contract, with a name of its own.';
COMMENT ON COLUMN market.option_contracts.expires_at IS 'From here on it is expired: the close of the underlying''s session on that day, where nothing else was given.';
COMMENT ON COLUMN market.option_contracts.contract IS 'Its root, or whatever its venue calls it, where others share expiry, strike and side: twins after a split, or a morning''s and an evening''s settlement.';
COMMENT ON COLUMN market.option_contracts.model IS 'By which its implied volatility and greeks are computed: the forward held (black_76), or the spot (black_scholes_merton).';
COMMENT ON COLUMN market.option_contracts.currency IS 'Whose rates of market.rates discount it.';

CREATE TABLE market.option_quotes (
    instrument_id integer NOT NULL,
    time timestamptz NOT NULL,
    seq bigint NOT NULL DEFAULT 0,
    -- Below zero or crossed, a quote is stored as it was said; it is for its readers to make nothing of it.
    bid numeric CHECK (bid > '-Infinity' AND bid < 'Infinity'),
    bid_size numeric CHECK (bid_size >= 0 AND bid_size < 'Infinity'),
    ask numeric CHECK (ask > '-Infinity' AND ask < 'Infinity'),
    ask_size numeric CHECK (ask_size >= 0 AND ask_size < 'Infinity'),
    mark numeric CHECK (mark > '-Infinity' AND mark < 'Infinity'),
    iv double precision CHECK (iv > '-Infinity' AND iv < 'Infinity'),
    delta double precision CHECK (delta > '-Infinity' AND delta < 'Infinity'),
    gamma double precision CHECK (gamma > '-Infinity' AND gamma < 'Infinity'),
    theta double precision CHECK (theta > '-Infinity' AND theta < 'Infinity'),
    vega double precision CHECK (vega > '-Infinity' AND vega < 'Infinity'),
    open_interest numeric CHECK (open_interest >= 0 AND open_interest < 'Infinity'),
    oi_time timestamptz CHECK (isfinite(oi_time)),
    underlying numeric CHECK (underlying > '-Infinity' AND underlying < 'Infinity'),
    source text,
    cancelled boolean NOT NULL DEFAULT false,
    PRIMARY KEY (instrument_id, time, seq)
);
SELECT create_hypertable('market.option_quotes', by_range('time', INTERVAL '1 day'), create_default_indexes => false);
-- As of ticks: a live minute is one stretch of time over all contracts.
CREATE INDEX option_quotes_time_idx ON market.option_quotes USING brin (time) WITH (pages_per_range = 64, autosummarize = on);
COMMENT ON TABLE market.option_quotes IS 'What feeds say of option contracts, a row for each change; null is not known. Nothing in it is computed here.';
COMMENT ON COLUMN market.option_quotes.seq IS 'Tells quotes of one contract and time apart, the last one highest.';
COMMENT ON COLUMN market.option_quotes.oi_time IS 'When the open interest was published; null: it is as of the quote''s own time.';
COMMENT ON COLUMN market.option_quotes.underlying IS 'Price of the underlying that the feed has with the quote.';

CREATE TABLE market.open_interest (
    instrument_id integer NOT NULL,
    time timestamptz NOT NULL,
    open_interest numeric NOT NULL CHECK (open_interest >= 0 AND open_interest < 'Infinity'),
    source text,
    PRIMARY KEY (instrument_id, time)
);
SELECT create_hypertable('market.open_interest', by_range('time', INTERVAL '28 days'), create_default_indexes => false);
CREATE INDEX open_interest_time_idx ON market.open_interest USING brin (time);
COMMENT ON TABLE market.open_interest IS 'Open interest of option contracts as it was published. A state, which holds until the next publication.';
COMMENT ON COLUMN market.open_interest.time IS 'When it was published, which may be the morning after the session that it tells of.';

CREATE TABLE market.rates (
    currency text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z][A-Z0-9]{2,9}$'),
    time timestamptz NOT NULL CHECK (isfinite(time)),
    days integer NOT NULL CHECK (days > 0),
    rate numeric NOT NULL CHECK (rate > '-Infinity' AND rate < 'Infinity'),
    PRIMARY KEY (currency, time, days)
);
COMMENT ON TABLE market.rates IS 'Interest rates by their terms, as of when they were published.';
COMMENT ON COLUMN market.rates.rate IS 'A year''s, compounded continuously, as a fraction: 0.05 is five per cent.';

-- Whoever sends quotes need do no more than write them, and look contracts up.
GRANT SELECT, INSERT, UPDATE, DELETE ON market.option_quotes, market.open_interest TO chandlery_producer;
GRANT SELECT ON market.option_contracts TO chandlery_producer;

-- The functions of the triggers, as this migration needs them: nothing that is written meanwhile may go without its mark.
CREATE OR REPLACE FUNCTION market.mark_option_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stranger integer;
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        VALUES (TG_ARGV[0], date_bin('1 minute', OLD.time, '2000-01-01 00:00Z'), ARRAY[OLD.instrument_id], ARRAY[0]);
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], bucket, array_agg(instrument_id), array_agg(0)
        FROM (
            SELECT DISTINCT date_bin('1 minute', time, '2000-01-01 00:00Z') AS bucket, instrument_id
            FROM (SELECT instrument_id, time FROM removed UNION ALL SELECT instrument_id, time FROM written) AS ends
        ) AS touched
        GROUP BY bucket;
    ELSE
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], bucket, array_agg(instrument_id), array_agg(rows)
        FROM (
            SELECT date_bin('1 minute', time, '2000-01-01 00:00Z') AS bucket, instrument_id, count(*) AS rows
            FROM written GROUP BY 1, 2
        ) AS touched
        GROUP BY bucket;
    END IF;
    SELECT min(w.instrument_id) INTO stranger
    FROM (SELECT DISTINCT instrument_id FROM written) AS w
    -- By probes: a few of many contracts change at a time.
    WHERE (SELECT c.instrument_id FROM market.option_contracts AS c WHERE c.instrument_id = w.instrument_id) IS NULL;
    IF stranger IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('instrument_id %s is not in market.option_contracts', stranger),
            HINT = 'add the contract first: chandlery contracts import FILE --underlying KEY';
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION market.mark_option_candles() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM market.option_contracts) THEN
        RETURN NULL;
    END IF;
    -- A probe of each index a row, and in its order: contracts are many, and most underlyings have none.
    IF TG_OP = 'INSERT' THEN
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], time, array_agg(instrument_id), array_agg(0)
        FROM written
        WHERE coalesce(
            (SELECT true FROM market.option_contracts AS c WHERE c.instrument_id = written.instrument_id),
            (
                SELECT true FROM market.option_contracts AS c WHERE c.underlying_id = written.instrument_id
                ORDER BY c.expires_at LIMIT 1
            )
        )
        GROUP BY time;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], time, array_agg(instrument_id), array_agg(0)
        FROM (SELECT instrument_id, time FROM removed UNION SELECT instrument_id, time FROM written) AS ends
        WHERE coalesce(
            (SELECT true FROM market.option_contracts AS c WHERE c.instrument_id = ends.instrument_id),
            (
                SELECT true FROM market.option_contracts AS c WHERE c.underlying_id = ends.instrument_id
                ORDER BY c.expires_at LIMIT 1
            )
        )
        GROUP BY time;
    ELSE
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], OLD.time, ARRAY[OLD.instrument_id], ARRAY[0]
        WHERE coalesce(
            (SELECT true FROM market.option_contracts AS c WHERE c.instrument_id = OLD.instrument_id),
            (
                SELECT true FROM market.option_contracts AS c WHERE c.underlying_id = OLD.instrument_id
                ORDER BY c.expires_at LIMIT 1
            )
        );
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER mark_inserted_rows AFTER INSERT ON market.option_quotes
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_option_rows('strike_candles');
CREATE TRIGGER mark_updated_rows AFTER UPDATE ON market.option_quotes
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_option_rows('strike_candles');
-- By row: TimescaleDB refuses transition tables for DELETE on columnstore tables.
CREATE TRIGGER mark_deleted_row AFTER DELETE ON market.option_quotes
    FOR EACH ROW EXECUTE FUNCTION market.mark_option_rows('strike_candles');
CREATE TRIGGER mark_inserted_rows AFTER INSERT ON market.open_interest
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_option_rows('strike_candles');
CREATE TRIGGER mark_updated_rows AFTER UPDATE ON market.open_interest
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_option_rows('strike_candles');
CREATE TRIGGER mark_deleted_row AFTER DELETE ON market.open_interest
    FOR EACH ROW EXECUTE FUNCTION market.mark_option_rows('strike_candles');
-- Trades of a contract, and its underlying's, come as candles: made of ticks, or imported.
CREATE TRIGGER mark_inserted_options AFTER INSERT ON market.candles
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_option_candles('strike_candles');
CREATE TRIGGER mark_updated_options AFTER UPDATE ON market.candles
    REFERENCING OLD TABLE AS removed NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION market.mark_option_candles('strike_candles');
CREATE TRIGGER mark_deleted_options AFTER DELETE ON market.candles
    FOR EACH ROW EXECUTE FUNCTION market.mark_option_candles('strike_candles');
