"""Whether the database is one this code can work on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection

from chandlery.platform.errors import Permanent, WrongSchema
from chandlery.platform.statements import run

REVISION = "0047"  # the head of sql/migrations
# What each migration writes as the comment of Alembic's table, followed by a revision.
SERVES_CODE_FROM = "serves code from "
# The versions of TimescaleDB that this code was tried on, each on PostgreSQL 15 to 18; the newest needs 16 or later.
_OLDEST, _NEWEST = (2, 23), (2, 29)
KNOWN = "2.23 to 2.29"
TOGETHER = f"TimescaleDB {KNOWN} (2.29 on PostgreSQL 16 to 18, earlier ones on 15 to 18; best is 2.29.2 on 17 or 18)"


@dataclass(frozen=True)
class Described:
    """TimescaleDB's version, none without it; its license; the revisions of our schema, comma between, none without.

    `serves_code_from` is the oldest revision whose code works on the schema; none where the schema does not say.
    `missing` is what a version newer than known no longer has of the catalogue that this code reads.
    `disabled` says which setting keeps triggers, or TimescaleDB, from their work.
    `definitions` is the digest of the functions and views that were made; none where no code has made its own yet.
    """

    timescaledb: str | None
    license: str | None
    revision: str | None
    serves_code_from: str | None = None
    missing: Sequence[str] = ()
    disabled: str | None = None
    definitions: str | None = None

    @property
    def edition(self) -> str | None:
        """`community`, or `apache`, which has not what we need."""
        return None if self.license is None else "community" if self.license == "timescale" else "apache"

    @property
    def remark(self) -> str | None:
        """What to know of a database that this code works on all the same."""
        if self.timescaledb is None or release_of(self.timescaledb) <= _NEWEST:
            return None
        return (
            f"TimescaleDB {self.timescaledb} is newer than this code knows ({KNOWN}); its catalogue has what is read of"
            " it, and Chandlery continues; see whether a newer release knows it"
        )


def release_of(version: str) -> tuple[int, int]:
    """Of 2.29.2, or 2.23.0-dev, the first two numbers."""
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        raise Permanent(f"TimescaleDB {version} is no version that this code can tell; use {TOGETHER}")
    return int(found[1]), int(found[2])


def check(connection: Connection) -> Described:
    """Refuse a database without TimescaleDB's Community edition or with another schema; also proof that it answers.

    Returns:
        What the database is; it may have a remark.

    Raises:
        Permanent: what is missing, and how to put it right; WrongSchema for another revision.
        Retryable: the database did not answer.
    """
    found = describe(connection)
    judge(found)
    return found


def describe(connection: Connection) -> Described:
    """What the database is.

    Raises:
        Retryable: it did not answer.
    """
    row = run(connection, "describe_database").fetchone()
    if row is None:
        raise Permanent("the database did not describe itself")
    version, license_, has_revisions, comment, definitions, disabled = row
    found = [revision for (revision,) in run(connection, "list_schema_revisions")] if has_revisions else []
    newer = version is not None and release_of(version) > _NEWEST
    missing = [name for (name,) in run(connection, "list_missing_catalogue")] if newer else []
    serves = (comment or "").removeprefix(SERVES_CODE_FROM) if (comment or "").startswith(SERVES_CODE_FROM) else None
    revision = ", ".join(found) if has_revisions else None
    return Described(version, license_, revision, serves, missing, disabled, definitions)


def judge(found: Described) -> None:
    """Refuse what this code cannot work on.

    Raises:
        Permanent: what is missing, and how to put it right.
    """
    if found.timescaledb is None:
        raise WrongSchema(
            "the database has no TimescaleDB extension; run: chandlery migrate upgrade head"
            " (the server needs TimescaleDB's Community edition)"
        )
    if found.edition != "community":
        raise Permanent(
            f"TimescaleDB {found.timescaledb} runs as its Apache edition (timescaledb.license = {found.license});"
            " install the Community build and set timescaledb.license = 'timescale'"
        )
    if release_of(found.timescaledb) < _OLDEST:
        raise Permanent(
            f"TimescaleDB {found.timescaledb} is older than this code works on; use {TOGETHER}: install it, then run"
            " ALTER EXTENSION timescaledb UPDATE in this database"
        )
    if found.missing:
        raise Permanent(
            f"TimescaleDB {found.timescaledb} is newer than this code knows, and lacks what it reads of the catalogue:"
            f" {', '.join(found.missing)}; use {TOGETHER}, or a release of Chandlery that knows this one"
        )
    if found.disabled is not None:
        raise Permanent(
            f"{found.disabled}: triggers do not fire, and writes would leave no marks; end what set it, or put it back:"
            f" ALTER DATABASE … RESET {found.disabled.split()[0]}, or ALTER ROLE … RESET it"
        )
    if wrong := mismatch(found.revision, found.serves_code_from):
        raise WrongSchema(wrong)
    if found.revision == REVISION and found.definitions is None:
        raise WrongSchema(
            f"the schema is at revision {REVISION}, without the functions and views of this code;"
            " run: chandlery migrate upgrade head"
        )


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
