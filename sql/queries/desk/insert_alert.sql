-- A new alert, of what was said, armed as of now.
INSERT INTO market.alerts (
    instrument_id, side, level, is_recurring, expires_at, note, armed_at, created_at, updated_at
)
SELECT
    :'instrument_id'::integer, side, level, coalesce(is_recurring, false), expires_at, note, :'at'::timestamptz, :'at'::timestamptz,
    :'at'::timestamptz
FROM jsonb_populate_record(null::market.alerts, :'said'::jsonb)
RETURNING alert_id;
