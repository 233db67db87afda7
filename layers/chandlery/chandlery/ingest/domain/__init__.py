"""What a record holds, and what is wrong with its rows."""
