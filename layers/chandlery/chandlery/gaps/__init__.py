"""What is missing and why: the look for gaps, their ledger, and how they are healed."""
