-- Until the transaction ends, what is written heals: so it is told, where changes are.
SELECT set_config('chandlery.change', 'healed', true);
