"""Sentiment and flows in records, by a producer's login: what files may say, and no more."""

from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from chandlery.ingest.domain.record import Record
from chandlery.ingest.ingest_records import IngestReport, ingest_records
from tests.integration.ingest.record_scene import KEY, body
from tests.integration.market import around_the_clock
from tests.integration.platform.test_roles import role

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
TIME = "2026-03-02T14:00:00Z"
ITEM = {"instrument": KEY, "source": "news", "time": TIME, "item_id": "n1", "score": "0.5"}
LEG = {"instrument": KEY, "venue": "v", "time": TIME, "tx": "0xa", "leg": 0, "direction": "in", "amount": 2**256 - 1}


def send(connection: Connection, data_set: str, *rows: dict[str, Any]) -> IngestReport:
    with role(connection, "chandlery_producer"):
        return ingest_records(connection, [Record("m", body(*rows, data_set=data_set).encode())], AT)


def reasons(report: IngestReport) -> list[tuple[int | None, str]]:
    return [(fault.line, fault.reason.partition(";")[0]) for each in report.bad for fault in each.faults]


def test_an_item_of_no_weight_weighs_one_and_a_score_has_bounds(connection: Connection) -> None:
    around_the_clock(connection, KEY)
    report = send(
        connection,
        "sentiment",
        ITEM,
        ITEM | {"item_id": "n2", "weight": None, "score": -1},
        ITEM | {"item_id": "n3", "score": "1.01"},
        ITEM | {"item_id": "n4", "positive": True},
    )
    assert (report.rows_new, reasons(report)) == (2, [
        (4, "score: 1.01 must be from -1 to 1"), (5, "has a member that nobody knows: positive"),
    ])  # fmt: skip
    stored = connection.execute("SELECT item_id, weight, positive FROM market.sentiment ORDER BY 1").fetchall()
    assert stored == [("n1", 1, True), ("n2", 1, False)]
    # Rows written alike are read at once, and no more loosely.
    alike = [ITEM | {"item_id": f"a{place}", "score": score} for place, score in enumerate((0.1, 1, 1.5))]
    assert reasons(send(connection, "sentiment", *alike)) == [(4, "score: 1.5 must be from -1 to 1")]
    # What null means is said, so that it contradicts another weight.
    assert send(connection, "sentiment", ITEM | {"weight": 2}).rows_conflicting == 1
    assert send(connection, "sentiment", ITEM | {"weight": None}).rows_known == 1


def test_legs_are_netted_taken_back_and_of_two_directions(connection: Connection) -> None:
    around_the_clock(connection, KEY)
    out = LEG | {"leg": 1, "direction": "out", "amount": 1}
    report = send(
        connection,
        "flows",
        LEG,
        out,
        LEG | {"leg": 2, "direction": "sideways"},
        LEG | {"leg": 3, "amount": -1},
        LEG | {"leg": 4, "counted": 5},
    )
    assert (report.rows_new, reasons(report)) == (2, [
        (4, "direction: sideways must be in or out"),
        (5, "amount: -1 must not be below zero"),
        (6, "has a member that nobody knows: counted"),
    ])  # fmt: skip
    counted = "SELECT leg, counted FROM market.flows ORDER BY leg"
    assert connection.execute(counted).fetchall() == [(0, 2**256 - 2), (1, 0)]
    assert send(connection, "flows", out | {"cancelled": True}).rows_cancelled == 1
    assert connection.execute(counted).fetchall() == [(0, 2**256 - 1), (1, 0)]
    assert send(connection, "flows", LEG | {"cancelled": None}).rows_known == 1
