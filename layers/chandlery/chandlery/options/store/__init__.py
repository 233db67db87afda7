"""What is kept in the database of options: one noun a file, functions that take a connection and run named SQL."""
