-- The locks of a dry run, which keeps them to its end: in the order in which retention takes them, so that none waits for another in a circle.
SELECT
    pg_advisory_xact_lock_shared(hashtext('market.horizons')),
    pg_advisory_xact_lock(hashtext('market.gaps')),
    pg_advisory_xact_lock(hashtext('market.candles'));
