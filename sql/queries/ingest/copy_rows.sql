-- Streams rows that are not stored yet, as text. One that is stored already stops it: then write_rows is the way.
COPY market.:"relation" (:columns) FROM STDIN;
