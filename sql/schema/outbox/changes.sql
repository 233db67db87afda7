CREATE OR REPLACE VIEW market.changes AS
SELECT
    id AS cursor,
    created_at AS published_at,
    body ->> 'dataset' AS dataset,
    ARRAY(SELECT jsonb_array_elements_text(body -> 'kinds')) AS kinds,
    ARRAY(SELECT jsonb_array_elements_text(body -> 'timeframes')) AS timeframes,
    (body ->> 'starts')::timestamptz AS starts,
    (body ->> 'ends')::timestamptz AS ends,
    (body ->> 'instrument_count')::bigint AS instrument_count,
    ARRAY(SELECT jsonb_array_elements_text(body -> 'instruments')) AS instruments,
    body
FROM market.outbox
WHERE topic = 'changes';
COMMENT ON VIEW market.changes IS 'What changed, an event a row, in the order in which changes were committed: who has seen one asks for those with a higher cursor.';
