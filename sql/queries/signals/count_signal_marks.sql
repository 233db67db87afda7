-- Marks that are due at a moment.
SELECT count(*) FROM market.signal_marks WHERE (due_at <= :'at'::timestamptz) IS NOT FALSE;
