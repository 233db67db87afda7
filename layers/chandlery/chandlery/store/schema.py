"""Whether the database is one this code can work on."""

from psycopg import Connection

from chandlery.errors import Permanent
from chandlery.store.statements import run

REVISION = "0013"  # the head of sql/migrations


def check(connection: Connection) -> None:
    """Refuse a database without TimescaleDB's Community edition or with another schema; also proof that it answers.

    Raises:
        Permanent: what is missing, and how to put it right.
        Retryable: the database did not answer.
    """
    row = run(connection, "describe_database").fetchone()
    if row is None:
        raise Permanent("the database did not describe itself")
    version, license_, has_revisions = row
    if version is None:
        raise Permanent(
            "the database has no TimescaleDB extension; run: chandlery migrate upgrade head"
            " (the server needs TimescaleDB's Community edition)"
        )
    if license_ != "timescale":
        raise Permanent(
            f"TimescaleDB {version} runs as its Apache edition (timescaledb.license = {license_});"
            " install the Community build and set timescaledb.license = 'timescale'"
        )
    if not has_revisions:
        raise Permanent("the database has no schema yet; run: chandlery migrate upgrade head")
    found = [revision for (revision,) in run(connection, "list_schema_revisions")]
    if found != [REVISION]:
        raise Permanent(
            f"the schema is at revision {', '.join(found) or 'none'} and this code needs {REVISION};"
            " run: chandlery migrate upgrade head"
        )
