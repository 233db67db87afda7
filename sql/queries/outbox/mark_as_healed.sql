-- Until the transaction ends, what is written heals: so it is published, where changes are.
SELECT set_config('chandlery.change', 'healed', true);
