-- The instruments that stand on an underlying: its contracts, and its expiries.
SELECT instrument_id, true AS is_contract FROM market.option_contracts WHERE underlying_id = :'underlying_id'::integer
UNION ALL
SELECT instrument_id, false FROM market.option_expiries WHERE underlying_id = :'underlying_id'::integer;
