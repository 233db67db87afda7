"""The one error of the embedded database."""


class EmbeddedDatabaseError(RuntimeError):
    """Says in one line what went wrong, where to look and what to do."""
