-- The cadences that an operator has set, with the instruments that represent their sources; :dataset '' means any data set.
SELECT
    k.dataset, k.source, whole.instrument_key AS instrument, k.every, n.calendar, k.since, n.instrument_key AS key, k.instrument_id
FROM market.cadences AS k
JOIN market.instruments AS n USING (instrument_id)
LEFT JOIN market.instruments AS whole ON whole.instrument_id = k.whole_id
WHERE :'dataset' IN ('', k.dataset)
ORDER BY k.dataset, k.source, whole.instrument_key NULLS FIRST;
