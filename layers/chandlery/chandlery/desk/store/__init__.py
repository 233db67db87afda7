"""What is kept in the database: one noun a file, functions that take a connection and run named SQL."""
