"""Rules of signals: their grammar, and the SQL they come to; pure."""
