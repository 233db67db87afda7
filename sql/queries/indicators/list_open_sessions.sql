-- The earliest session date of each instrument whose closing auction was not over at a moment.
SELECT n.instrument_id, min(s.session_date)::timestamp AT TIME ZONE 'UTC' AS opens
FROM market.instruments AS n
JOIN market.sessions AS s USING (calendar)
WHERE n.instrument_id = ANY (:'instrument_ids'::integer[])
    AND s.closes_at > :'settled'::timestamptz - INTERVAL '1 minute'
    -- No session is as long as that: those before it are over, whatever a calendar knows of the years to come.
    AND s.opens_at < :'settled'::timestamptz + INTERVAL '7 days'
GROUP BY n.instrument_id;
