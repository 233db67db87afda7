"""What is written of files."""
