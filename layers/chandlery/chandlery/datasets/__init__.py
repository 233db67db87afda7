"""What is kept: each kind of data, declared once."""
