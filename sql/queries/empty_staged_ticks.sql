-- Makes room for the next lot.
TRUNCATE staged_ticks;
