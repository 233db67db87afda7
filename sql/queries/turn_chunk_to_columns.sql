-- Turns a chunk into columns, or takes in what was written to it since.
SELECT compress_chunk(:'chunk'::regclass);
