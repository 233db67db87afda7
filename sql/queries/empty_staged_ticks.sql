-- Makes room for the next lot, whose places count from 1.
TRUNCATE staged_ticks RESTART IDENTITY;
