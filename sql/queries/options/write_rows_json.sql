-- Rows of another query as JSON, in its order, each with what orders it: so the server writes them, and no objects are made. The
-- variable page is read_strikes_page or read_chain; :position and :told are made of the columns that are told, as in
-- psql -v position='r.time' -v told='r.strike, r.call_close' ...
SELECT json_build_array(:position)::text AS position, row_to_json(w)::text AS written
FROM (:page) AS r CROSS JOIN LATERAL (SELECT :told) AS w;
