"""The published schemas are those of the declarations, and say what the reader of rows does."""

import json
from typing import Any

import jsonschema_rs
import pytest
from psycopg import Connection

from chandlery.datasets import declared
from chandlery.ingest.domain.envelope import Unreadable, open_envelope
from chandlery.ingest.domain.record_schema import name_of
from chandlery.ingest.domain.rows import RowReader
from chandlery.words.window import LATEST
from local.record_schemas import FOLDER, written
from tests.integration.ingest.record_scene import HEADER, tick
from tests.integration.ingest.test_sent_summaries import ITEM, LEG

ROWS: list[tuple[dict[str, Any], bool]] = [
    (tick(1), True),
    (tick(1, "100.10", "5", cancelled=True, venue=None, conditions="@ F"), True),
    (tick(1, -37.63), True),  # an instrument may allow it
    (tick(1, 100, -1), False),
    (tick(1, True), False),
    (tick(1, "NaN"), False),
    (tick(1, None), False),
    (tick(1, [100]), False),
    (tick(1, updates_ohlc="true"), False),
    (tick(1, 100, 1, venue=False), False),
    (tick(1, time="2026-03-02T15:00:01"), False),
    (tick(1, time="2026-03-02T15:00:01+05:30"), True),
    (tick(1, time=1772463601), False),
    (tick(1, colour="red"), False),
    ({name: value for name, value in tick(1).items() if name != "seq"}, False),
]
ITEMS: list[tuple[dict[str, Any], bool]] = [
    (ITEM | {"weight": None, "label": "post"}, True),
    (ITEM | {"score": 1.01}, False),
    (ITEM | {"neutral": True}, False),
]
LEGS: list[tuple[dict[str, Any], bool]] = [
    (LEG | {"cancelled": None, "usd": None}, True),
    (LEG | {"direction": "sideways"}, False),
    (LEG | {"amount": "-1"}, False),
    ({name: value for name, value in LEG.items() if name != "leg"}, False),
]
HEADERS: list[tuple[dict[str, Any], bool]] = [
    (HEADER, True),
    (HEADER | {"schema_version": 2}, False),
    (HEADER | {"producer": ""}, False),
    (HEADER | {"more": "1"}, False),
    ({name: value for name, value in HEADER.items() if name != "feed"}, False),
]


def test_the_published_schemas_are_those_of_the_declarations(connection: Connection) -> None:
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == written(connection), (
        "run: python -m local.record_schemas"
    )


@pytest.mark.parametrize(("header", "row", "good"), [
    *((HEADER, row, good) for row, good in ROWS),
    *((header, tick(1), good) for header, good in HEADERS),
    *((HEADER | {"data_set": "sentiment"}, row, good) for row, good in ITEMS),
    *((HEADER | {"data_set": "flows"}, row, good) for row, good in LEGS),
])  # fmt: skip
def test_a_schema_takes_what_the_reader_takes(header: dict[str, Any], row: dict[str, Any], good: bool) -> None:
    dataset = next(each for each in declared.sent() if each.name == header["data_set"])
    schema = json.loads((FOLDER / name_of(dataset)).read_text())
    assert jsonschema_rs.Draft202012Validator(schema).is_valid([header, row]) == good
    reader = RowReader(dataset, schema["$defs"]["row"]["required"], LATEST)
    try:
        envelope = open_envelope(f"{json.dumps(header)}\n{json.dumps(row)}".encode(), {})
        assert (reader.read(envelope, 0)[1] == []) == good
    except Unreadable:
        assert not good
