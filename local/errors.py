"""What the command line explains of the local parts, which it need not load for that."""


class Explained(Exception):
    """Says in one line what went wrong, where, and what to do."""
