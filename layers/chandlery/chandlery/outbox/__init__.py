"""Messages for others: written with what they tell of, delivered after it, at least once."""
