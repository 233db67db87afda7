-- How many rows of a table or aggregate an instrument has that start in [starts, ends), counted up to :most. What retention has
-- dropped is not there to be counted.
SELECT count(*) FROM (
    SELECT FROM market.:"relation"
    WHERE instrument_id = :'instrument_id'::integer AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
    LIMIT :'most'::integer
) AS first;
