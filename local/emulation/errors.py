"""The one error of the emulation."""

from local.errors import Explained


class EmulationError(Explained, RuntimeError):
    """Says what went wrong, and what those said that it went wrong in."""
