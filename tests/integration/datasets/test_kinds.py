"""What a declaration says about its columns is what the database says."""

from collections.abc import Mapping

import pytest
from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind

# Which data set rows belong to is not a declared column.
_OF_ALL = {"dataset"}


def types(connection: Connection, read: str, relation: str) -> Mapping[str, str]:
    """The type each column is read as; an enumeration as text."""
    found = connection.execute(f"SELECT {read} FROM market.{relation} LIMIT 0").description or ()  # noqa: S608
    names: Mapping[int, str] = dict(
        connection.execute(
            "SELECT oid::bigint, CASE typtype WHEN 'e' THEN 'text' ELSE format_type(oid, NULL) END FROM pg_type"
            " WHERE oid = ANY(%s)",
            [[column.type_code for column in found]],
        ).fetchall()
    )
    return {column.name: names[column.type_code] for column in found}


def assert_kinds(connection: Connection, dataset: Dataset) -> None:
    """Of its table, and of all that is read of its roll-ups."""
    found = types(connection, "*", dataset.name)
    assert {name: kind.value for name, kind in dataset.columns.items()} == {
        name: found[name] for name in found.keys() - _OF_ALL
    }
    for timeframe in (None, *dataset.timeframes, *(dataset.days.timeframes if dataset.days else ())):
        values = dataset.values(timeframe)
        read = ", ".join(f"{value.read} AS {value.name}" for value in values)
        relation = dataset.name if timeframe is None else dataset.relation(timeframe)
        assert types(connection, read, relation) == {value.name: value.kind.value for value in values}


@pytest.mark.parametrize("dataset", declared.DATASETS, ids=lambda dataset: dataset.name)
def test_kinds_are_the_types_of_the_database(connection: Connection, dataset: Dataset) -> None:
    assert_kinds(connection, dataset)


def test_what_is_shown_and_imported() -> None:
    """Ticks have an importer of their own, candles ways of their own, which know sessions; others no plain cells."""
    shown, imported = ({dataset.name for dataset in each} for each in (declared.shown(), declared.imported()))
    assert "ticks" in shown
    assert shown.isdisjoint({"candles", "indicator_values"})
    assert imported.isdisjoint({"ticks", "candles", "indicator_values"})


@pytest.mark.parametrize(
    ("kind", "text", "normal"),
    [
        (Kind.INTEGER, "-2147483648", "-2147483648"),
        (Kind.BIGINT, "+07", "7"),
        (Kind.DECIMAL, "1.50", "1.50"),
        (Kind.REAL, "-2e-3", "-0.002"),
        (Kind.TEXT, " a,b ", " a,b "),
        (Kind.FLAG, "T", "true"),
        (Kind.TIME, "2026-03-02T10:00:00 01:00", "2026-03-02T09:00:00+00:00"),
        (Kind.DATE, "2026-03-02", "2026-03-02"),
    ],
)
def test_a_word_of_a_question_is_read_as_the_database_does(
    connection: Connection, kind: Kind, text: str, normal: str
) -> None:
    assert kind.normal(text) == normal
    connection.execute(f"SELECT %s::text::{kind.value}", [normal])


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (Kind.INTEGER, "2147483648", "a whole number of 32 bits"),
        (Kind.BIGINT, "1.0", "a whole number of 64 bits"),
        (Kind.DECIMAL, "NaN", "a number"),
        (Kind.REAL, "1e400", "a number"),
        (Kind.TEXT, "a\0b", "NUL"),
        (Kind.TEXT, "a\udcff", "UTF-8"),
        (Kind.FLAG, "yes", "true or false"),
        (Kind.TIME, "2026-03-02T10:00:00", "ISO 8601 with an offset"),
        (Kind.TIME, "0001-01-01T00:00:00+14:00", "ISO 8601"),
        (Kind.DATE, "2026-02-30", "a date"),
    ],
)
def test_what_is_none_of_its_kind_is_refused(kind: Kind, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        kind.normal(text)
