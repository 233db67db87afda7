"""What Chandlery does: one verb per file, each returning a frozen report."""
