"""Sentiment and flows in records, by a producer's login: what files may say, and no more."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from psycopg import Connection

from chandlery.ingest import ingest_records as module
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


def test_what_no_index_can_hold_is_bad_and_harms_no_other(connection: Connection) -> None:
    around_the_clock(connection, KEY)
    # What repeats would be packed.
    long = "".join(sha256(bytes([place])).hexdigest() for place in range(256))
    report = send(connection, "sentiment", ITEM, ITEM | {"item_id": long}, ITEM | {"item_id": "n2"})
    assert (report.rows_new, report.turned_away) == (2, [])
    assert reasons(report)[0][0] == 3
    assert "index row" in reasons(report)[0][1]


def test_a_record_of_which_the_database_refuses_too_much_is_given_up(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    around_the_clock(connection, KEY)
    monkeypatch.setattr(module, "_MOST_REFUSED", 2)
    poison = [LEG | {"leg": leg, "venue": "" if leg % 4 else "v"} for leg in range(16)]
    bodies = [body(*rows, data_set="flows").encode() for rows in (poison, [LEG | {"tx": "0xb"}])]
    with role(connection, "chandlery_producer"):
        report = ingest_records(connection, [Record(str(place), each) for place, each in enumerate(bodies)], AT)
    assert report.turned_away == []
    assert [each.record.record_id for each in report.bad] == ["0"]
    told = [reason for _, reason in reasons(report)]
    assert [told.count(each) for each in sorted({*told})][1:] == [len(told) - 2]
    assert "was not tried: the database had refused 2 rows of its record" in told
    assert report.rows_bad + report.rows_new == 17


def test_many_contradictions_are_all_named_with_every_digit(connection: Connection) -> None:
    around_the_clock(connection, KEY)
    legs = [LEG | {"leg": leg, "amount": f"{2**255}.000000000000000001"} for leg in range(1500)]
    assert send(connection, "flows", *legs).rows_new == 1500
    report = send(connection, "flows", *(leg | {"amount": f"{2**255}.000000000000000002"} for leg in legs))
    assert (report.rows_conflicting, len(reasons(report))) == (1500, 1500)
    assert reasons(report)[-1] == (1501, (
        f"contradicts what is stored under its key: amount {2**255}.000000000000000002,"
        f" stored {2**255}.000000000000000001"
    ))  # fmt: skip
