"""The named SQL of `sql/queries`, one statement per file, runnable in psql as it stands."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, LiteralString, TypeVar

from psycopg import Connection, Cursor
from psycopg.rows import RowFactory, TupleRow, class_row

from chandlery.errors import psycopg_errors_translated
from chandlery.store.rehearsal import alone

Row = TypeVar("Row")

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "sql"  # in a wheel
_BESIDE_THE_LAYER = _PACKAGE.parents[1]  # /opt, when deployed: sql/ is a layer of its own
_CHECKOUT = _PACKAGE.parents[2] / "sql"
SQL = next((place for place in (_INSTALLED, _BESIDE_THE_LAYER) if (place / "queries").is_dir()), _CHECKOUT)


@cache
def statement(name: str, relation: LiteralString = "") -> LiteralString:
    """The text of a query, its psql variables (`:'name'`) turned into psycopg's.

    `relation` takes the place of `:"relation"`, for queries that read any of several relations.
    """
    text = (SQL / "queries" / f"{name}.sql").read_text().replace("%", "%%").replace(':"relation"', f'"{relation}"')
    return re.sub(r":'(\w+)'", r"%(\1)s", text)


def run(connection: Connection, name: str, **values: Any) -> Cursor[TupleRow]:
    """Run a named query.

    Raises:
        Retryable, Permanent: what the database answered, translated.
    """
    with psycopg_errors_translated(), alone(connection):
        return connection.execute(statement(name), values)


def run_on(connection: Connection, relation: LiteralString, name: str, **values: Any) -> Cursor[TupleRow]:
    """Run a named query on a relation, as in `statement`.

    Raises:
        Retryable, Permanent: what the database answered, translated.
    """
    with psycopg_errors_translated(), alone(connection):
        return connection.execute(statement(name, relation), values)


def read_rows(
    connection: Connection, kind: type[Row], name: str, *, relation: LiteralString = "", **values: Any
) -> list[Row]:
    """The rows of a named query, each as a `kind`, whose fields its columns are; `relation` as in `statement`.

    Raises:
        Retryable, Permanent: what the database answered, translated.
    """
    with psycopg_errors_translated(), alone(connection), connection.cursor(row_factory=_rows_of(kind)) as cursor:
        return cursor.execute(statement(name, relation), values).fetchall()


def _rows_of(kind: type[Row]) -> RowFactory[Row]:
    """Rows by the names of their columns; of tuples, which are made by the thousand, by their places."""
    fields = getattr(kind, "_fields", None)
    if fields is None:
        return class_row(kind)

    def in_order(cursor: Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
        columns = tuple(column.name for column in cursor.description or ())
        if columns != fields[: len(columns)]:
            raise AssertionError(f"the columns {columns} are not those of {kind.__name__}, in its order")
        return lambda values: kind(*values)

    return in_order
