-- Adds an instrument, or changes the one there is; its identity never changes, and what is not given is kept.
INSERT INTO market.instruments AS known (
    instrument_key, calendar, feed, listed_at, delisted_at, allow_negative, name, asset_type, sector, industry
)
VALUES (
    :'instrument_key', :'calendar', :'feed', :'listed_at'::timestamptz, :'delisted_at'::timestamptz,
    coalesce(:'allow_negative'::boolean, false), :'instrument_name', :'asset_type', :'sector', :'industry'
)
ON CONFLICT (instrument_key) DO UPDATE SET
    calendar = excluded.calendar,
    feed = excluded.feed,
    listed_at = coalesce(excluded.listed_at, known.listed_at),
    delisted_at = coalesce(excluded.delisted_at, known.delisted_at),
    allow_negative = coalesce(:'allow_negative'::boolean, known.allow_negative),
    name = coalesce(:'instrument_name', known.name),
    asset_type = coalesce(:'asset_type', known.asset_type),
    sector = coalesce(:'sector', known.sector),
    industry = coalesce(:'industry', known.industry)
WHERE (
    known.calendar, known.feed, known.listed_at, known.delisted_at, known.allow_negative, known.name, known.asset_type, known.sector,
    known.industry
) IS DISTINCT FROM (
    excluded.calendar, excluded.feed,
    coalesce(excluded.listed_at, known.listed_at), coalesce(excluded.delisted_at, known.delisted_at),
    coalesce(:'allow_negative'::boolean, known.allow_negative), coalesce(:'instrument_name', known.name),
    coalesce(:'asset_type', known.asset_type), coalesce(:'sector', known.sector), coalesce(:'industry', known.industry)
);
