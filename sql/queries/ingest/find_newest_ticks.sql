-- The newest tick of each instrument, cancelled or not: one probe of the primary key per instrument.
SELECT i.instrument_key, newest.time, newest.seq
FROM market.instruments AS i
CROSS JOIN LATERAL (
    SELECT t.time, t.seq FROM market.ticks AS t
    WHERE t.instrument_id = i.instrument_id ORDER BY t.time DESC, t.seq DESC LIMIT 1
) AS newest
WHERE i.instrument_key = ANY (:'keys'::text[]);
