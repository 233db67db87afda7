-- Rows of another query as JSON, in its order, each with what orders it: so the server writes them, and no objects are made. The
-- variable page is read_strikes_page or read_chain; :position and :fields are made of its columns, as in
-- psql -v position='r.time' -v fields='r.strike, r.call_close' ...
SELECT json_build_array(:position)::text AS position, row_to_json(w)::text AS written
FROM (:page) AS r CROSS JOIN LATERAL (SELECT :fields) AS w;
