-- Where ticks wait while those already stored are told apart; no index, so that COPY runs at full speed.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_ticks (
    LIKE market.ticks INCLUDING DEFAULTS,
    place bigint GENERATED ALWAYS AS IDENTITY
) ON COMMIT DROP;
