"""Quotes and open interest of options in records: by the contract's own key, or by its underlying's."""

from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from chandlery.ingest.domain.record import Record
from chandlery.ingest.ingest_records import IngestReport, ingest_records
from chandlery.reference.store import instruments
from tests.integration.ingest.record_scene import body
from tests.integration.market import around_the_clock
from tests.integration.platform.test_roles import role

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
QUOTE = {"instrument": "X@A@EQ", "time": "2026-03-02T14:00:00Z", "bid": "1.10", "ask": 1.2}
CALL = {"expiry": "2026-03-04", "strike": 50, "right": "C"}


def send(connection: Connection, *rows: dict[str, Any], data_set: str = "option_quotes") -> IngestReport:
    return ingest_records(connection, [Record("m", body(*rows, data_set=data_set).encode())], AT)


def reasons(report: IngestReport) -> list[tuple[int | None, str]]:
    return [(fault.line, fault.reason) for each in report.bad for fault in each.faults]


def test_a_contract_is_named_by_its_underlyings_key_or_its_own(connection: Connection) -> None:
    around_the_clock(connection, "X@A@EQ")
    report = send(connection, QUOTE | CALL, QUOTE | CALL | {"strike": "50.0", "right": "put"}, QUOTE | CALL)
    assert (report.rows_new, report.rows_known, report.instruments_added, report.bad) == (2, 1, 2, [])
    stored = "SELECT i.instrument_key, c.side, q.bid FROM market.option_quotes AS q"
    stored += (
        " JOIN market.instruments AS i USING (instrument_id) JOIN market.option_contracts AS c USING (instrument_id)"
    )
    found = connection.execute(stored + " ORDER BY 2").fetchall()
    assert [(side, str(bid)) for _, side, bid in found] == [("call", "1.10"), ("put", "1.10")]
    own = {"instrument": found[0][0], "time": "2026-03-02T14:00:01Z", "open_interest": 7}
    assert send(connection, own, data_set="open_interest").rows_new == 1


def test_what_names_no_contract_is_bad_and_harms_no_other(connection: Connection) -> None:
    around_the_clock(connection, "X@A@EQ")
    report = send(
        connection,
        QUOTE | CALL,
        QUOTE | {"expiry": "2026-03-04", "right": "C"},
        QUOTE | CALL | {"strike": True},
        QUOTE | CALL | {"right": "sideways"},
        QUOTE | CALL | {"instrument": "X@B@EQ"},
    )
    assert report.rows_new == 1
    told = reasons(report)
    assert [line for line, _ in told] == [3, 4, 5, 6]
    words = ("lacks strike", "strike: true must", "neither call nor put", "no instrument X@B@EQ")
    assert all(word in reason for word, (_, reason) in zip(words, told, strict=True)), told


def test_a_producers_login_makes_no_contract(connection: Connection) -> None:
    around_the_clock(connection, "X@A@EQ")
    with role(connection, "chandlery_producer"):
        report = send(connection, QUOTE | CALL)
    assert report.rows_new == 0
    ((_, reason),) = reasons(report)
    assert "lacks a right" in reason
    assert [each.key for each in instruments.list_all(connection)] == ["X@A@EQ"]
    assert send(connection, QUOTE | CALL).rows_new == 1
    with role(connection, "chandlery_producer"):
        assert send(connection, QUOTE | CALL | {"time": "2026-03-02T14:00:02Z"}).rows_new == 1
