"""Whether the database is one this code can work on."""

from dataclasses import dataclass

from psycopg import Connection

from chandlery.errors import Permanent
from chandlery.store.statements import run

REVISION = "0020"  # the head of sql/migrations


@dataclass(frozen=True)
class Described:
    """TimescaleDB's version, none without it; its license; the revisions of our schema, comma between, none without."""

    timescaledb: str | None
    license: str | None
    revision: str | None

    @property
    def edition(self) -> str | None:
        """`community`, or `apache`, which has not what we need."""
        return None if self.license is None else "community" if self.license == "timescale" else "apache"


def check(connection: Connection) -> None:
    """Refuse a database without TimescaleDB's Community edition or with another schema; also proof that it answers.

    Raises:
        Permanent: what is missing, and how to put it right.
        Retryable: the database did not answer.
    """
    judge(describe(connection))


def describe(connection: Connection) -> Described:
    """What the database is.

    Raises:
        Retryable: it did not answer.
    """
    row = run(connection, "describe_database").fetchone()
    if row is None:
        raise Permanent("the database did not describe itself")
    version, license_, has_revisions = row
    found = [revision for (revision,) in run(connection, "list_schema_revisions")] if has_revisions else []
    return Described(version, license_, ", ".join(found) if has_revisions else None)


def judge(found: Described) -> None:
    """Refuse what this code cannot work on.

    Raises:
        Permanent: what is missing, and how to put it right.
    """
    if found.timescaledb is None:
        raise Permanent(
            "the database has no TimescaleDB extension; run: chandlery migrate upgrade head"
            " (the server needs TimescaleDB's Community edition)"
        )
    if found.edition != "community":
        raise Permanent(
            f"TimescaleDB {found.timescaledb} runs as its Apache edition (timescaledb.license = {found.license});"
            " install the Community build and set timescaledb.license = 'timescale'"
        )
    if found.revision is None:
        raise Permanent("the database has no schema yet; run: chandlery migrate upgrade head")
    if found.revision != REVISION:
        raise Permanent(
            f"the schema is at revision {found.revision or 'none'} and this code needs {REVISION};"
            " run: chandlery migrate upgrade head"
        )
