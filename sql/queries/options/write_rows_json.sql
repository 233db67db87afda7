-- Rows of another query as JSON, in its order, each with what orders it: so the server writes them, and no objects are made. The
-- variable page is read_strikes_page or read_chain; :position and :written are made of the columns that are told, as in
-- psql -v position='r.time' -v written='''{"time":'' || to_json(r.time) || ''}''' ...
SELECT json_build_array(:position)::text AS position, :written AS written
FROM (:page) AS r;
