"""The one error of the embedded database."""

from local.errors import Explained


class EmbeddedDatabaseError(Explained, RuntimeError):
    """Says in one line what went wrong, where to look and what to do."""
