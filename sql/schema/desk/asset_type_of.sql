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
COMMENT ON FUNCTION market.asset_type_of IS 'The kind of asset that the type in a key names; null where it may be several, as SPOT.';
