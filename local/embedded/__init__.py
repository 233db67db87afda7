"""The embedded TimescaleDB: a real one in a directory, for trying, developing and testing Chandlery."""

from local.embedded.database import EmbeddedDatabase, EmbeddedStatus
from local.embedded.errors import EmbeddedDatabaseError
from local.embedded.installation import install

__all__ = ["EmbeddedDatabase", "EmbeddedDatabaseError", "EmbeddedStatus", "install"]
