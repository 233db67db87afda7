"""What the schema consists of: as found in a database, and as the migrations make it."""

from collections.abc import Mapping

from psycopg import Connection

from chandlery.platform.statements import SQL, run

# Written from a migrated database by `make catalogue`, and held against one by a test.
EXPECTED = SQL / "migrations" / "catalogue.tsv"

# The definition of each thing by its kind and name.
Catalogue = Mapping[tuple[str, str], str]


def find(connection: Connection) -> Catalogue:
    """What a database has.

    Raises:
        Retryable, Permanent: from the database.
    """
    rows = run(connection, "describe_catalogue").fetchall()
    return {(kind, name): " ".join((definition or "").split()) for kind, name, definition in rows}


def expected() -> Catalogue:
    """What this code's migrations make."""
    lines = (line.split("\t") for line in EXPECTED.read_text().splitlines())
    return {(kind, name): definition for kind, name, definition in lines}


def written(found: Catalogue) -> str:
    """A catalogue as it stands in the file."""
    return "".join(f"{kind}\t{name}\t{definition}\n" for (kind, name), definition in sorted(found.items()))
