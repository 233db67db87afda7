"""Released migrations look here for `migrations`; nothing else is to come."""
