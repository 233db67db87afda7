-- Up to three keys that somebody who wrote :given may have meant: by its symbol, with any exchange and type; by any word of it
-- (NYSE:IBM); by how its symbol begins. The collation is that of the index instruments_symbol, which finds prefixes.
WITH said AS (
    SELECT
        upper(coalesce(nullif(split_part(:'given', '@', 2), ''), split_part(:'given', '@', 1))) AS symbol,
        regexp_split_to_array(upper(:'given'), '[^[:alnum:]]+') AS words
), known AS (
    SELECT instrument_key AS key, upper(split_part(instrument_key, '@', 2)) COLLATE "C" AS symbol FROM market.instruments
)
SELECT k.key
FROM known AS k CROSS JOIN said AS s
WHERE s.symbol <> '' AND (k.symbol = s.symbol OR k.symbol = ANY (s.words) OR starts_with(k.symbol, s.symbol))
ORDER BY k.symbol = s.symbol DESC, k.symbol = ANY (s.words) DESC, length(k.key), k.key
LIMIT 3;
