-- What is due at a moment: marks, and signals from outside that nobody has looked at.
SELECT
    (SELECT count(*) FROM market.signal_marks WHERE (due_at <= :'at'::timestamptz) IS NOT FALSE)
    + (SELECT count(*) FROM market.outside_signals);
