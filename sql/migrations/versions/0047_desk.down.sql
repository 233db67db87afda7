-- The roles stay: they are the server's, and other databases may use them.
DROP TRIGGER mark_inserted_alert_minutes ON market.candles;
DROP TRIGGER mark_updated_alert_minutes ON market.candles;
DROP TRIGGER mark_deleted_alert_minute ON market.candles;
DROP TABLE market.alert_firings, market.alerts, market.watchlist_items, market.watchlists, market.users;
DROP TABLE market.watched_instruments, market.alert_minutes;
DROP TRIGGER set_asset_type ON market.instruments;
ALTER TABLE market.instruments
    DROP COLUMN name, DROP COLUMN asset_type, DROP COLUMN exchange, DROP COLUMN sector, DROP COLUMN industry, DROP COLUMN uuid;
DROP FUNCTION IF EXISTS market.mark_alert_minutes();
DROP FUNCTION IF EXISTS market.watch_instruments();
DROP FUNCTION IF EXISTS market.arm_item_alerts();
DROP FUNCTION IF EXISTS market.crosses(text, numeric, numeric, numeric, numeric);
DROP FUNCTION IF EXISTS market.last_close(integer, timestamptz);
DROP FUNCTION IF EXISTS market.set_asset_type();
DROP FUNCTION IF EXISTS market.asset_type_of(text);
REVOKE ALL ON market.schema_revision, market.instruments, market.calendars, market.candles, market.outbox FROM chandlery_desk, chandlery_alerts;
REVOKE USAGE ON SCHEMA market FROM chandlery_desk, chandlery_alerts;
