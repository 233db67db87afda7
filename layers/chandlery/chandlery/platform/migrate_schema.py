"""Bring the schema to a revision, or tell which one it is at."""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import Connection

from chandlery.platform import schema
from chandlery.platform.migrations import alembic_config, run_verb


@dataclass(frozen=True)
class SchemaReport:
    """The schema's revision before and after, null where it had none; `wanted` is the one this code needs."""

    before: str | None
    revision: str | None
    wanted: str


def upgrade_schema(open_connection: Callable[[], Connection], revision: str) -> SchemaReport:
    """Run the migrations up to a revision, a transaction each; those that are done already are not run again.

    Args:
        open_connection: opens one in autocommit mode, with the time limits that a migration is to keep.
        revision: Alembic's name of it; `head` is the newest.

    Raises:
        Retryable: the database cannot be reached, or had no time or no lock to give; the migrations before stay done.
        Permanent: there is no such revision, or the database refused.
    """
    before = report_revision(open_connection).revision
    run_verb("upgrade", alembic_config(open_connection), revision)
    return SchemaReport(before, report_revision(open_connection).revision, schema.REVISION)


def report_revision(open_connection: Callable[[], Connection]) -> SchemaReport:
    """The revision the schema is at.

    Raises:
        Retryable, Permanent: from the database.
    """
    with open_connection() as connection:
        found = schema.describe(connection).revision
    return SchemaReport(found, found, schema.REVISION)
