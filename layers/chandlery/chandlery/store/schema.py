"""Whether the database is one this code can work on."""

from dataclasses import dataclass

from psycopg import Connection

from chandlery.errors import Permanent, WrongSchema
from chandlery.store.statements import run

REVISION = "0025"  # the head of sql/migrations
# What each migration writes as the comment of Alembic's table, followed by a revision.
SERVES_CODE_FROM = "serves code from "


@dataclass(frozen=True)
class Described:
    """TimescaleDB's version, none without it; its license; the revisions of our schema, comma between, none without.

    `serves_code_from` is the oldest revision whose code works on the schema; none where the schema does not say.
    """

    timescaledb: str | None
    license: str | None
    revision: str | None
    serves_code_from: str | None = None

    @property
    def edition(self) -> str | None:
        """`community`, or `apache`, which has not what we need."""
        return None if self.license is None else "community" if self.license == "timescale" else "apache"


def check(connection: Connection) -> None:
    """Refuse a database without TimescaleDB's Community edition or with another schema; also proof that it answers.

    Raises:
        Permanent: what is missing, and how to put it right; WrongSchema for another revision.
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
    version, license_, has_revisions, comment = row
    found = [revision for (revision,) in run(connection, "list_schema_revisions")] if has_revisions else []
    serves = (comment or "").removeprefix(SERVES_CODE_FROM) if (comment or "").startswith(SERVES_CODE_FROM) else None
    return Described(version, license_, ", ".join(found) if has_revisions else None, serves)


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
    if wrong := mismatch(found.revision, found.serves_code_from):
        raise WrongSchema(wrong)


def mismatch(revision: str | None, serves_code_from: str | None = None) -> str | None:
    """What is wrong with a schema for this code, and what to do; None where this code works on it."""
    if revision is None:
        return "the database has no schema yet; run: chandlery migrate upgrade head"
    if revision == REVISION:
        return None
    if revision < REVISION:
        return (
            f"the schema is at revision {revision or 'none'}, older than this code, which waits for {REVISION};"
            " run: chandlery migrate upgrade head"
        )
    if serves_code_from is not None and serves_code_from <= REVISION:
        return None
    return (
        f"the schema is at revision {revision}, newer than this code, which knows {REVISION}: deploy code of revision"
        f" {serves_code_from or revision} or later; ticks come in meanwhile, and that code takes them up"
    )
