-- How far :most days, weeks or months of an instrument reach from one end of the session dates [first, beyond): the last session
-- date of that many parts from the first, or with :backward the first of that many parts from the newest. Null without candles.
SELECT CASE WHEN :'backward'::boolean THEN min(session_date) ELSE max(session_date) END AS session_date
FROM (
    (
        SELECT session_date FROM market.candles_1d_parts
        WHERE NOT :'backward'::boolean AND instrument_id = :'instrument_id'::integer
            AND session_date >= :'first'::date AND session_date < :'beyond'::date
            -- Hours are never a week from their date.
            AND day >= (:'first'::date - 7)::timestamp AT TIME ZONE 'UTC'
        ORDER BY day LIMIT :'most'::bigint
    )
    UNION ALL
    (
        SELECT session_date FROM market.candles_1d_parts
        WHERE :'backward'::boolean AND instrument_id = :'instrument_id'::integer
            AND session_date >= :'first'::date AND session_date < :'beyond'::date
            AND day < (:'beyond'::date + 7)::timestamp AT TIME ZONE 'UTC'
        ORDER BY day DESC LIMIT :'most'::bigint
    )
) AS parts;
