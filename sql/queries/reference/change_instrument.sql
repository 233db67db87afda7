-- Changes what is named of an instrument; null keeps what is stored.
UPDATE market.instruments SET
    calendar = coalesce(:'calendar', calendar),
    feed = coalesce(:'feed', feed),
    listed_at = coalesce(:'listed_at'::timestamptz, listed_at),
    delisted_at = coalesce(:'delisted_at'::timestamptz, delisted_at),
    allow_negative = coalesce(:'allow_negative'::boolean, allow_negative),
    name = coalesce(:'instrument_name', name),
    asset_type = coalesce(:'asset_type', asset_type),
    sector = coalesce(:'sector', sector),
    industry = coalesce(:'industry', industry)
WHERE instrument_key = :'instrument_key';
