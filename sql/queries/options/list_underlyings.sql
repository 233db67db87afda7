-- The keys of all instruments that have options, in order: a probe of the index an underlying, as contracts are many.
WITH RECURSIVE underlying AS (
    SELECT min(underlying_id) AS instrument_id FROM market.option_contracts
    UNION ALL
    SELECT (SELECT min(c.underlying_id) FROM market.option_contracts AS c WHERE c.underlying_id > before.instrument_id)
    FROM underlying AS before
    WHERE before.instrument_id IS NOT NULL
)
SELECT instrument_key FROM market.instruments JOIN underlying USING (instrument_id) ORDER BY instrument_key;
