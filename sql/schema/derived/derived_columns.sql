CREATE OR REPLACE FUNCTION market.derived_columns(below text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    -- Candles that are not price-eligible set prices only where no other candle does: as with ticks in a minute. All four
    -- prices together, so that high stays the highest of them.
    SELECT $columns$
        coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
        coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
        coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
        coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
        sum(volume) AS volume,
        CASE WHEN count(turnover) = count(*) THEN sum(turnover) END AS turnover,
        CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
        bool_or(price_eligible) AS price_eligible,
    $columns$ || CASE below
        WHEN 'candles' THEN $minutes$
            count(*) FILTER (WHERE NOT partial) AS minutes,
            count(*) FILTER (WHERE partial) AS partial_minutes,
            bit_or(market.source_bit(source)) AS sources
        $minutes$
        ELSE $minutes$
            sum(minutes)::bigint AS minutes,
            sum(partial_minutes)::bigint AS partial_minutes,
            bit_or(sources) AS sources
        $minutes$
    END
$$;
COMMENT ON FUNCTION market.derived_columns IS 'The one fold of candles into candles, as the SELECT list of an aggregate over market.candles or over one that is built on it.';
