-- The instruments that depend on another one: its contracts, its expiries, and what represents a source of its rows.
SELECT instrument_id, true AS is_contract FROM market.option_contracts WHERE underlying_id = :'underlying_id'::integer
UNION ALL
SELECT instrument_id, false FROM market.option_expiries WHERE underlying_id = :'underlying_id'::integer
UNION ALL
SELECT instrument_id, false FROM market.cadences WHERE whole_id = :'underlying_id'::integer;
