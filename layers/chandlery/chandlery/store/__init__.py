"""Where things are kept: one noun per file, functions that take a connection and run named SQL."""
