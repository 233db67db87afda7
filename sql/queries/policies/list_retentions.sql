-- The tables whose retention the operator released, and the age from which on their rows may go.
SELECT table_name, after FROM market.retentions;
