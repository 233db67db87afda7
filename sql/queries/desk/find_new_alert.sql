-- When the oldest of the alerts was armed that are new; null where none is.
SELECT min(armed_at) AS armed_at FROM market.alerts WHERE is_new;
