-- Whether any signal is open: what becomes of minutes may end it.
SELECT EXISTS (SELECT FROM market.signals WHERE ended_at IS NULL);
