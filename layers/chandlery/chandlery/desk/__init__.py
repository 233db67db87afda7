"""The desk of each user: watchlists, their items, and alerts."""
