-- How contracts that a file names are found, or made, in running order, in the caller's transaction.

-- step: create_said_contracts
-- Where contracts of an underlying wait, as arrays of equal length name them, each with its place. `usual` is the close of the
-- session on the day of expiry; on a day without one, as a Saturday, of the session before; where none is known yet, that of
-- the last known one by the clock.
CREATE TEMPORARY TABLE said_contracts ON COMMIT DROP AS
SELECT said.*, usual.close AS usual, NULL::integer AS instrument_id, 0::bigint AS twins
FROM unnest(
    :'expiries'::date[], :'strikes'::numeric[], :'sides'::text[], :'contracts'::text[], :'given'::timestamptz[]
) WITH ORDINALITY AS said (expiry, strike, side, contract, given, place)
JOIN market.instruments AS n ON n.instrument_id = :'underlying_id'::integer
JOIN market.calendars AS c USING (calendar)
LEFT JOIN LATERAL (
    SELECT CASE
        WHEN s.session_date = said.expiry OR (said.expiry <= c.known_to AND s.session_date > said.expiry - 7) THEN s.closes_at
        ELSE (said.expiry + (s.closes_at AT TIME ZONE c.time_zone - s.session_date)) AT TIME ZONE c.time_zone
    END AS close
    FROM market.sessions AS s
    WHERE s.calendar = n.calendar AND s.session_date <= said.expiry
    ORDER BY s.session_date DESC
    LIMIT 1
) AS usual ON true;

-- step: find_contracts
-- Finds those that are stored, by the day that a file calls that of expiry or by the moment. One whose file has no names is the
-- one that has none, else the only one. Where two would do, neither is taken.
UPDATE said_contracts AS said
SET instrument_id = CASE WHEN found.twins = 1 THEN found.instrument_id END, twins = found.twins
FROM (
    SELECT place, count(*) AS twins, min(instrument_id) AS instrument_id
    FROM (
        SELECT named.place, c.instrument_id, rank() OVER (PARTITION BY named.place ORDER BY c.contract <> '') AS nearness
        FROM said_contracts AS named
        JOIN market.option_contracts AS c
            ON c.strike = named.strike AND c.side = named.side AND c.contract = coalesce(named.contract, c.contract)
            AND (c.expires_at = coalesce(named.given, named.usual) OR (named.given IS NULL AND c.expiry = named.expiry))
        WHERE c.underlying_id = :'underlying_id'::integer
    ) AS candidates
    WHERE nearness = 1
    GROUP BY place
) AS found
WHERE said.place = found.place;

-- step: find_underlying
-- The underlying of what is a contract or an expiry itself: there are no options of it.
SELECT n.instrument_key, part.named
FROM (
    SELECT instrument_id, underlying_id, 'an option' AS named FROM market.option_contracts
    UNION ALL
    SELECT instrument_id, underlying_id, 'an expiry' FROM market.option_expiries
) AS part
JOIN market.instruments AS n ON n.instrument_id = part.underlying_id
WHERE part.instrument_id = :'underlying_id'::integer;

-- step: lock_contracts
-- A second writer of an underlying's contracts waits for the first, and then finds them.
SELECT pg_advisory_xact_lock(hashtext('market.option_contracts'), :'underlying_id'::integer);

-- step: insert_contracts
-- Makes an instrument of each that is not stored, with its underlying's calendar and feed, and its contract. When it expires is
-- part of the key where it is not at the usual time.
WITH missing AS (
    SELECT DISTINCT ON (key) named.*
    FROM (
        SELECT
            said.*,
            format(
                '%s@%s-%s%s-%s-%s%s@OPTION', :'exchange'::text, :'symbol'::text, to_char(said.expiry, 'YYYYMMDD'),
                CASE WHEN said.given <> said.usual THEN to_char(said.given AT TIME ZONE 'UTC', '"T"HH24MI') END,
                CASE said.side WHEN 'call' THEN 'C' ELSE 'P' END, trim_scale(said.strike),
                '-' || nullif(regexp_replace(said.contract, '[\s@%]+', '_', 'g'), '')
            ) AS key
        FROM (
            SELECT DISTINCT ON (coalesce(given, usual), strike, side, coalesce(contract, '')) * FROM said_contracts
            WHERE twins = 0
            ORDER BY coalesce(given, usual), strike, side, coalesce(contract, ''), place
        ) AS said
    ) AS named
    ORDER BY key, place
), made AS (
    INSERT INTO market.instruments (instrument_key, calendar, feed, delisted_at)
    SELECT missing.key, n.calendar, n.feed, coalesce(missing.given, missing.usual)
    FROM missing JOIN market.instruments AS n ON n.instrument_id = :'underlying_id'::integer
    ORDER BY missing.key
    ON CONFLICT (instrument_key) DO NOTHING
    RETURNING instrument_id, instrument_key
)
INSERT INTO market.option_contracts (
    instrument_id, underlying_id, expiry, expires_at, strike, side, contract, multiplier, style, model, currency
)
SELECT
    made.instrument_id, :'underlying_id'::integer, missing.expiry, coalesce(missing.given, missing.usual),
    trim_scale(missing.strike), missing.side, coalesce(missing.contract, ''),
    :'multiplier'::numeric, :'style'::text, :'model'::text, :'currency'::text
FROM missing JOIN made ON made.instrument_key = missing.key
WHERE coalesce(missing.given, missing.usual) IS NOT NULL
ORDER BY made.instrument_id
RETURNING instrument_id;

-- step: list_said_contracts
-- The instrument of each contract that was named, by its place: null where there is none, or where two would do.
SELECT instrument_id, twins, coalesce(given, usual) AS expires_at FROM said_contracts ORDER BY place;

-- step: change_contracts
-- Takes over what a file says about terms, as arrays of equal length; null keeps what is stored.
UPDATE market.option_contracts AS stored SET
    multiplier = coalesce(told.multiplier, stored.multiplier), style = coalesce(told.style, stored.style),
    model = coalesce(told.model, stored.model), currency = coalesce(told.currency, stored.currency)
FROM unnest(
    :'instrument_ids'::integer[], :'multipliers'::numeric[], :'styles'::text[], :'models'::text[], :'currencies'::text[]
) AS told (instrument_id, multiplier, style, model, currency)
WHERE stored.instrument_id = told.instrument_id
    AND (stored.multiplier, stored.style, stored.model, stored.currency) IS DISTINCT FROM (
        coalesce(told.multiplier, stored.multiplier), coalesce(told.style, stored.style),
        coalesce(told.model, stored.model), coalesce(told.currency, stored.currency)
    )
RETURNING stored.instrument_id;

-- step: drop_said_contracts
-- Makes room for the next lot.
DROP TABLE said_contracts;
