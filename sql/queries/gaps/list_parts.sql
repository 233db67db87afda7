-- The instruments of which a data set's rows are expected, where these are expected part by part: the parts of those named, and
-- each named one that has none; all parts where none is named.
SELECT p.instrument_id
FROM market.parts AS p
LEFT JOIN market.instruments AS whole ON whole.instrument_id = p.whole_id
WHERE p.dataset = :'dataset' AND (cardinality(:'keys'::text[]) = 0 OR whole.instrument_key = ANY (:'keys'::text[]))
UNION ALL
SELECT n.instrument_id
FROM market.instruments AS n
WHERE n.instrument_key = ANY (:'keys'::text[])
    AND NOT EXISTS (SELECT FROM market.parts AS p WHERE p.dataset = :'dataset' AND p.whole_id = n.instrument_id);
