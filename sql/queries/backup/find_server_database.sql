-- A database of the server: what a new one must be made with to be like it, its size, and its comment.
SELECT
    pg_get_userbyid(d.datdba)::text AS owner,
    pg_encoding_to_char(d.encoding)::text AS encoding,
    d.datcollate::text AS collate,
    d.datctype::text AS ctype,
    pg_size_pretty(pg_database_size(d.oid)) AS size,
    shobj_description(d.oid, 'pg_database') AS comment
FROM pg_database AS d
WHERE d.datname = :'database';
