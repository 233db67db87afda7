-- One evaluation of alerts at a time, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('market.alerts'));
