-- How rows of a file come into a data set's table, in running order, in the caller's transaction. As in psql
-- -v relation=quotes -v columns='instrument_id, strike, time, bid' -v others='strike, time, bid' -v key='instrument_id, strike, time'
-- -v same='stored_row.strike = said_row.strike AND …' -v content='bid' -v said='said_row.bid' -v stored='stored_row.bid'
-- -v given='EXCLUDED.bid': the columns that the file has; -v cancelled=cancelled -v final=stored_row.cancelled: the flag of rows that
-- are taken back for good, in a data set without one false. No data set has a column that is called "#line".

-- step: drop_said_rows
-- Makes room for rows with other columns in the same transaction.
DROP TABLE IF EXISTS said_rows;

-- step: create_said_rows
-- Where the rows of a lot wait, each with its place in the file.
CREATE TEMPORARY TABLE said_rows ON COMMIT DROP AS
SELECT :columns, NULL::bigint AS "#line" FROM market.:"relation"
WITH NO DATA;

-- step: empty_said_rows
-- Makes room for the next lot.
TRUNCATE said_rows;

-- step: fill_said_rows
-- Rows as a JSON array of objects, numbers in the file's own words: the table's own types read them. Instead of its instrument
-- each has that one's place among :instrument_ids.
INSERT INTO said_rows
SELECT (:'instrument_ids'::integer[])[instrument_id], :others, "#line"
FROM json_populate_recordset(NULL::said_rows, :'rows'::json);

-- or step: copy_said_lines
-- Streams the same as CSV, where the database can COPY: cheaper than JSON to make, and to read.
COPY said_rows (:columns, "#line") FROM STDIN (FORMAT csv);

-- or step: copy_said_rows
-- Streams rows that come from no file, as text.
COPY said_rows (:columns, "#line") FROM STDIN;

-- step: insert_said_rows
-- Of several with one key the first, and none whose key is stored already.
INSERT INTO market.:"relation" (:columns)
SELECT :columns FROM said_rows ORDER BY "#line"
ON CONFLICT DO NOTHING;

-- step: cancel_said_rows
-- Takes back stored rows that the file takes back.
UPDATE market.:"relation" AS stored_row SET :cancelled = true
FROM said_rows AS said_row
WHERE :same AND said_row.:cancelled AND NOT stored_row.:cancelled
    AND stored_row.instrument_id = ANY (:'instrument_ids'::integer[])
    AND stored_row.time >= :'starts'::timestamptz AND stored_row.time <= :'ends'::timestamptz;

-- step: list_row_conflicts
-- Rows whose key is stored with other content: the first few, how many there are in all, and where the file says what is stored.
-- How a row came is not part of that: the columns :noted, '#line' among them.
-- The rows of a key are read together, once: there may be as many keys in conflict as rows.
WITH contradicted AS (
    SELECT
        array_agg(said_row) FILTER (WHERE differs) AS differing, (array_agg(stored_row) FILTER (WHERE differs))[1] AS stored_row,
        min("#line") FILTER (WHERE NOT differs) AS stored_line
    FROM (
        SELECT :key, "#line", said_row, stored_row, (:said) IS DISTINCT FROM (:stored) AS differs
        FROM said_rows AS said_row
        JOIN market.:"relation" AS stored_row USING (:key)
        WHERE stored_row.instrument_id = ANY (:'instrument_ids'::integer[])
            AND stored_row.time >= :'starts'::timestamptz AND stored_row.time <= :'ends'::timestamptz
            AND NOT :final
    ) AS met
    GROUP BY :key
    HAVING bool_or(differs)
), named AS (
    SELECT said_row, stored_row, stored_line, count(*) OVER () AS conflicts
    FROM contradicted
    CROSS JOIN LATERAL unnest(differing) AS said_row
    ORDER BY (said_row)."#line"
    LIMIT :'most'::integer
)
SELECT
    (said_row)."#line" AS line, (to_jsonb(said_row) - :'noted'::text[])::text AS said, to_jsonb(stored_row)::text AS stored, stored_line,
    (SELECT instrument_key FROM market.instruments WHERE instrument_id = (said_row).instrument_id) AS instrument,
    conflicts
FROM named
ORDER BY line;

-- step: replace_said_rows
-- Corrects stored rows: of several with one key the last one holds. Columns that the file does not have stay as they are.
INSERT INTO market.:"relation" AS stored_row (:columns)
SELECT DISTINCT ON (:key) :columns FROM said_rows ORDER BY :key, "#line" DESC
ON CONFLICT (:key) DO UPDATE SET (:content) = ROW(:given)
WHERE NOT :final AND (:given) IS DISTINCT FROM (:stored);
