CREATE OR REPLACE FUNCTION market.forget_judged(
    of_dataset text, instrument_ids integer[], first_minutes timestamptz[], last_minutes timestamptz[]
) RETURNS void LANGUAGE sql
BEGIN ATOMIC
    UPDATE market.judged AS j
    SET stretches = known.stretches - gone.stretch, share = NULL, since = NULL
    FROM (
        SELECT instrument_id, tstzmultirange(tstzrange(min(first), max(last) + INTERVAL '1 minute')) AS stretch
        FROM unnest(instrument_ids, first_minutes, last_minutes) AS changed (instrument_id, first, last)
        GROUP BY instrument_id
    ) AS gone
    JOIN market.judged_stretches AS known USING (instrument_id)
    WHERE j.instrument_id = known.instrument_id AND j.dataset = of_dataset AND j.component = known.component
        AND known.dataset = of_dataset AND known.stretches && gone.stretch;
END;
COMMENT ON FUNCTION market.forget_judged IS 'Of a data set and each instrument, what lies between the first and the last of some minutes is judged no longer.';
