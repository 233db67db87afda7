"""Compare a database's catalogue with the one that this code's migrations make."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection

from chandlery.platform import catalogue, definitions, schema


@dataclass(frozen=True)
class CatalogueReport:
    """What differs, a line each; `additional` is in the schema besides, and does no harm."""

    revision: str
    differing: Sequence[str]
    additional: Sequence[str]


def check_schema(connection: Connection) -> CatalogueReport:
    """Name what is missing, what differs and what is additional.

    A view is compared by its columns, a function by its text, a right as what a role of ours may do; and all functions
    and views by the digest of the text that they were made from.

    Args:
        connection: in autocommit mode.

    Raises:
        WrongSchema: the schema is at another revision, so that everything would differ.
        Retryable, Permanent: from the database.
    """
    made, ours = schema.check(connection).definitions, definitions.digest(definitions.current())
    found, wanted = catalogue.find(connection), catalogue.expected()
    missing = [f"missing: {kind} {name}: {wanted[kind, name]}" for kind, name in sorted(wanted.keys() - found.keys())]
    changed = [
        f"differs: {kind} {name}: {found[kind, name]}, where the migrations make it {wanted[kind, name]}"
        for kind, name in sorted(wanted.keys() & found.keys())
        if found[kind, name] != wanted[kind, name]
    ]
    if made != ours:
        changed.append(
            f"differs: functions and views: made from {made}, where sql/schema is {ours};"
            " run: chandlery migrate upgrade head"
        )
    additional = [f"additional: {kind} {name}" for kind, name in sorted(found.keys() - wanted.keys())]
    return CatalogueReport(schema.REVISION, [*missing, *changed], additional)
