"""The named SQL of `sql/queries`, runnable in psql as it stands: one statement a file, or a script of named steps.

A script holds, in running order, statements that hand each other temporary tables; each begins with its name:
`-- step: NAME`, or `-- or step: NAME` where it may stand in for the step before.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, LiteralString, TypeVar

from psycopg import Connection, Cursor, sql
from psycopg.rows import RowFactory, TupleRow, class_row

from chandlery.platform.dry_run import alone
from chandlery.platform.errors import psycopg_errors_translated

Row = TypeVar("Row")

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "sql"  # in a wheel
_BESIDE_THE_LAYER = _PACKAGE.parents[1]  # /opt, when deployed: sql/ is a layer of its own
_CHECKOUT = _PACKAGE.parents[2] / "sql"
SQL = next((place for place in (_INSTALLED, _BESIDE_THE_LAYER) if (place / "queries").is_dir()), _CHECKOUT)


@cache
def statement(
    name: str, relation: LiteralString = "", page: str = "", lists: tuple[tuple[str, str], ...] = ()
) -> LiteralString:
    """The text of a query, or of a script's step (`script:step`), its psql variables (`:'name'`) turned into psycopg's.

    `relation` takes the place of `:"relation"`, for queries that read any of several relations; the query named `page`
    that of `:page`, for those that read what another one answers, and of several names each is within the one before;
    of `lists`, each text that of a bare variable (`:columns`): columns as a data set declares them, and nothing that
    anybody wrote. Comments and indentation stay behind: what is asked often is sent and read as short as it can be.
    """
    text = _short(name)
    for each in page.split():
        text = text.replace("(:page)", f"({_short(each).rstrip().removesuffix(';')})")
    text = text.replace("%", "%%").replace(':"relation"', f'"{relation}"')
    for variable, listed in lists:
        text = re.sub(rf"(?<!:):{variable}\b", listed, text)
    return re.sub(r":'(\w+)'", r"%(\1)s", text)


def _short(name: str) -> LiteralString:
    return re.sub(r"^\s*(?:--.*)?\n?", "", _text(name), flags=re.MULTILINE)


def steps(script: str) -> Mapping[str, LiteralString]:
    """The steps of a script's text by their names, in running order; none of a single statement."""
    _, *parts = re.split(r"^-- (?:or )?step: (\w+)\n", script, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _text(name: str) -> LiteralString:
    query, _, step = name.partition(":")
    return _steps_of(query)[step] if step else _files()[query].read_text()


@cache
def _steps_of(query: str) -> Mapping[str, LiteralString]:
    """Read once, however many of its steps are asked for."""
    return steps(_files()[query].read_text())


@cache
def _files() -> Mapping[str, Path]:
    """Where each query stands, in whichever room; no two have the same name."""
    return {path.stem: path for path in (SQL / "queries").rglob("*.sql")}


def run(connection: Connection, name: str, **values: Any) -> Cursor[TupleRow]:
    """Run a named query.

    Raises:
        Retryable, Permanent: what the database answered, translated.
    """
    return run_on(connection, "", name, **values)


def run_on(connection: Connection, relation: LiteralString, name: str, **values: Any) -> Cursor[TupleRow]:
    """Run a named query on a relation, as in `statement`.

    Raises:
        Retryable, Permanent: what the database answered, translated.
    """
    return run_with(connection, relation, {}, name, **values)


def run_with(
    connection: Connection, relation: LiteralString, lists: Mapping[str, str], name: str, **values: Any
) -> Cursor[TupleRow]:
    """Run a named query on a relation, with lists of columns, as in `statement`.

    Raises:
        Retryable, Permanent: what the database answered, translated.
    """
    with psycopg_errors_translated(), alone(connection):
        return connection.execute(statement(name, relation, lists=tuple(lists.items())), values)


def run_on_each(connection: Connection, relations: Sequence[LiteralString], name: str, **values: Any) -> Sequence[Any]:
    """The one value of a named query on each of several relations, in one statement.

    Raises:
        Retryable, Permanent: what the database answered, translated.
    """
    texts = [sql.SQL(statement(name, relation).rstrip(";\n")) for relation in relations]
    query = sql.SQL("SELECT ({})").format(sql.SQL("), (").join(texts))
    with psycopg_errors_translated(), alone(connection):
        return connection.execute(query, values).fetchone() or ()


def read_rows(
    connection: Connection,
    kind: type[Row],
    name: str,
    *,
    relation: LiteralString = "",
    page: str = "",
    lists: tuple[tuple[str, str], ...] = (),
    **values: Any,
) -> list[Row]:
    """The rows of a named query, each as a `kind`, whose fields its columns are; what is replaced as in `statement`.

    Raises:
        Retryable, Permanent: what the database answered, translated.
    """
    with psycopg_errors_translated(), alone(connection), connection.cursor(row_factory=_rows_of(kind)) as cursor:
        return cursor.execute(statement(name, relation, page, lists), values).fetchall()


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
