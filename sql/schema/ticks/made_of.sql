CREATE OR REPLACE FUNCTION market.made_of(source text) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    -- An argument of its triggers says for what they leave dirty marks.
    SELECT split_part(encode(tgargs, 'escape'), '\000', 1)
    FROM pg_trigger
    WHERE tgrelid = to_regclass(format('market.%I', source)) AND tgtype & 4 > 0 AND tgfoid IN (
        to_regproc('market.mark_inserted_ticks'), to_regproc('market.mark_option_rows'), to_regproc('market.mark_option_candles')
    )
$$;
COMMENT ON FUNCTION market.made_of IS 'The data sets whose minutes are folded from the rows of a table, as candles from ticks.';
