"""What is told of options, as rows, or as the JSON that the server writes of them: the same rows, either way."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Connection

from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Value
from chandlery.platform.dry_run import alone
from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.statements import run, statement

Row = Sequence[Any]
Position = Sequence[str]

# NaN and the infinities are no JSON; they sort above all numbers, or below.
_NUMBER = "CASE WHEN r.{0} > '-Infinity' AND r.{0} < 'Infinity' THEN r.{0} END AS {0}"
_TEXT = _NUMBER.replace("THEN r.{0}", "THEN r.{0}::text")
_TIME = "(to_json(r.{0} AT TIME ZONE 'UTC') #>> '{{}}') || 'Z' AS {0}"
_FIELDS = {Kind.DECIMAL: _NUMBER, Kind.REAL: _NUMBER, Kind.TIME: _TIME}
_FIELDS_AS_TEXT = {Kind.DECIMAL: _TEXT, Kind.REAL: _TEXT, Kind.TIME: _TIME}


@dataclass(frozen=True)
class Asked:
    """What a query is asked for.

    Attributes:
        values: what is told of a row.
        order: by what rows are ordered; none twice the same.
        relation: what it reads, where it reads any of several.
        lists: what takes the place of its bare variables.
        given: its parameters.
    """

    query: str
    values: Sequence[Value]
    order: Sequence[str]
    given: Mapping[str, Any]
    relation: LiteralString = ""
    lists: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class WrittenRow:
    """A row as JSON, and where it stands in the order."""

    position: Position
    text: str


def read(connection: Connection, asked: Asked) -> Sequence[Row]:
    """Rows of values."""
    columns = ", ".join(f"{each.read} AS {each.name}" for each in asked.values)
    text = statement(asked.query, asked.relation, lists=(("columns", columns), *asked.lists))
    return _run(connection, text, asked.given)


def write(connection: Connection, asked: Asked, *, as_text: bool = False) -> Sequence[WrittenRow]:
    """The same as JSON, numbers that may have a fraction `as_text` or as numbers."""
    written = _FIELDS_AS_TEXT if as_text else _FIELDS
    names = {each.name for each in asked.values}
    columns = [
        *(f"{each.read} AS {each.name}" for each in asked.values),
        *(name for name in asked.order if name not in names),
    ]
    lists = {
        "position": ", ".join(f"r.{name}::text" for name in asked.order),
        "fields": ", ".join(written.get(each.kind, "r.{0}").format(each.name) for each in asked.values),
        "columns": ", ".join(columns),
    }
    text = statement("write_rows_json", asked.relation, asked.query, (*lists.items(), *asked.lists))
    found = _run(connection, text, asked.given)
    return [WrittenRow(json.loads(position), row) for position, row in found]


def find_fingerprint(connection: Connection, underlying_id: int, at: datetime | None) -> str | None:
    """What chains and metrics depend on beyond strike candles, as text; None while marks wait."""
    row = run(connection, "fingerprint_chain", underlying_id=underlying_id, at=at).fetchone()
    return None if row is None else str(row[0])


def _run(connection: Connection, text: LiteralString, given: Mapping[str, Any]) -> Sequence[Row]:
    with psycopg_errors_translated(), alone(connection):
        return connection.execute(text, given).fetchall()
