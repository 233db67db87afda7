-- Whether any signal is open: what happens to minutes may end it.
SELECT EXISTS (SELECT FROM market.signals WHERE ended_at IS NULL);
