"""Records of a queue or a stream come in once, whatever is wrong with others of their batch."""

import base64
import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from chandlery.ingest.domain.record import Record
from chandlery.ingest.ingest_records import ingest_records
from chandlery.ingest.store.sent_rows import hold_drops
from chandlery.platform import queues, schema
from chandlery.platform.errors import Permanent, Retryable
from chandlery.reference.store import instruments
from tests.integration.ingest.record_scene import (
    AT,
    HEADER,
    KEY,
    Desk,
    body,
    from_queue,
    from_stream,
    open_desk,
    refusing,
    tick,
)
from tests.integration.market import MINUTE, around_the_clock, contents, live
from tests.integration.platform.test_roles import role
from tests.unit.ingest.test_envelope import MALFORMED, UNREADABLE

Event = Callable[..., dict[str, Any]]


@pytest.fixture
def desk(connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    around_the_clock(connection, KEY)
    monkeypatch.setenv("DATABASE_LOCK_TIMEOUT_SECONDS", "1")
    with open_desk(connection, monkeypatch.setenv, database_url) as opened:
        yield opened


def counts(capsys: pytest.CaptureFixture[str]) -> list[float]:
    """Rows new, known, bad and in conflict, as the metrics of the last batch have them."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    last = next(line for line in reversed(lines) if "Records" in line)
    return [last[f"Rows{name}"][0] for name in ("New", "Known", "Bad", "Conflicting")]


def test_a_message_that_nobody_can_read_holds_nothing_up(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    event = from_queue(
        ("m-1", body(tick(1, 100.1, 5))), ("m-2", '{"data_set": "ticks", '), ("m-3", body(tick(3, 100.3, 2)))
    )
    assert desk.take(event) == []
    assert desk.ticks() == [(1, "100.1", "5", False), (3, "100.3", "2", False)]
    (bad,) = desk.bad()
    assert (bad["record_id"], bad["faults"][0]["line"], bad["body"]) == ("m-2", 1, '{"data_set": "ticks", ')
    assert "the header is not JSON" in bad["faults"][0]["reason"]
    assert counts(capsys) == [2, 0, 1, 0]
    assert desk.take(event) == []
    assert counts(capsys) == [0, 2, 1, 0]


def test_a_message_that_comes_twice_in_a_batch_counts_once(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = ("m-1", body(tick(1, 100.1, 5))), ("m-2", body(tick(2, 100.2, 4)))
    assert desk.take(from_queue(first, second, first)) == []
    assert counts(capsys) == [2, 1, 0, 0]


def test_what_the_database_refuses_for_good_is_reported_once(desk: Desk) -> None:
    first, second = ("m-1", body(tick(1), tick(3))), ("m-2", body(tick(2)))
    with refusing(desk.connection, [1], "23514"):
        assert desk.take(from_queue(first, second, first)) == []
    assert desk.seqs() == [2, 3]
    (bad,) = desk.bad()
    assert (bad["record_id"], [fault["line"] for fault in bad["faults"]]) == ("m-1", [2])
    assert "seq 1 is not wanted" in bad["faults"][0]["reason"]


def test_what_the_database_turns_away_for_now_comes_again_once(desk: Desk) -> None:
    first, second = ("m-1", body(tick(1))), ("m-2", body(tick(2), "nonsense"))
    with refusing(desk.connection, [1], "55P03"):
        assert desk.take(from_queue(first, second, first)) == ["m-1"]
    assert desk.seqs() == [2]
    assert [each["record_id"] for each in desk.bad()] == ["m-2"]


def test_a_record_that_comes_again_is_not_tried_row_by_row(desk: Desk) -> None:
    locked = Record("m-1", body(*map(tick, range(64))).encode())
    tried: list[float] = []

    def has_time(_: float) -> bool:
        tried.append(0)
        return True

    with refusing(desk.connection, range(64), "55P03"):
        report = ingest_records(
            desk.connection,
            [locked, Record("m-2", body(tick(99)).encode())],
            AT,
            has_time=has_time,
        )
    assert (report.turned_away, desk.seqs()) == (["m-1"], [99])
    assert len(tried) < 12


@pytest.mark.parametrize("sqlstate", ["23514", "55P03"])
def test_once_there_is_no_time_what_was_not_tried_comes_again(desk: Desk, sqlstate: str) -> None:
    records = [Record(f"m-{seq}", body(tick(seq)).encode()) for seq in range(4)]
    with refusing(desk.connection, [1], sqlstate):
        report = ingest_records(desk.connection, records, AT, has_time=lambda _: False)
    assert (report.turned_away, desk.seqs()) == (["m-0", "m-1", "m-2", "m-3"], [])


def test_where_the_database_is_away_the_whole_batch_comes_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/away")
    monkeypatch.setenv("DATABASE_CONNECT_TIMEOUT_SECONDS", "1")
    with pytest.raises(Retryable):
        desk.take(from_queue(("m-1", body(tick(1))), ("m-2", "nonsense")))
    assert desk.bad() == []


def test_a_stream_comes_again_from_the_lowest_number_by_value(desk: Desk) -> None:
    # As text the third is the lowest: it is a digit longer.
    numbers = [f"{10**55 + each}" for each in (-2, -1, 0, 1, 2)]
    sent = [(number, body(tick(seq))) for seq, number in enumerate(numbers, 1)]
    with refusing(desk.connection, [2, 4], "55P03"):
        assert desk.take(from_stream(*sent)) == [numbers[1]]
    assert desk.take(from_stream(*sent[1:])) == []
    assert desk.seqs() == [1, 2, 3, 4, 5]


def test_bad_records_behind_a_checkpoint_are_reported_when_they_come_again(desk: Desk) -> None:
    sent = [("1", "nonsense"), ("2", body(tick(2))), ("3", "nonsense")]
    with refusing(desk.connection, [2], "55P03"):
        assert desk.take(from_stream(*sent)) == ["2"]
    assert [each["record_id"] for each in desk.bad()] == ["1"]
    assert desk.take(from_stream(*sent[1:])) == []
    assert [each["record_id"] for each in desk.bad()] == ["3"]


def as_text(said: bytes) -> str:
    """As a queue has it, which takes text alone."""
    try:
        return said.decode()
    except UnicodeDecodeError:
        return base64.b64encode(said if said.startswith(b"\x1f\x8b") else gzip.compress(said)).decode()


@pytest.mark.parametrize("event", [from_queue, from_stream])
def test_whatever_is_malformed_is_reported_with_place_and_reason_and_holds_nothing_up(desk: Desk, event: Event) -> None:
    sent = [
        (str(number), as_text(said) if event is from_queue else said) for number, (said, *_) in enumerate(UNREADABLE)
    ]
    sent += [("100", body(tick(1), *MALFORMED, tick(2))), ("101", body(tick(3)))]
    assert desk.take(event(*sent)) == []
    assert desk.seqs() == [1, 2, 3]
    told: dict[str, list[Any]] = defaultdict(list)
    for each in desk.bad():
        told[each["record_id"]] += each["faults"]
    rows = told.pop("100")
    assert [fault["line"] for fault in rows] == [*range(3, 3 + len(MALFORMED))]
    assert all(reason in fault["reason"] for fault, reason in zip(rows, MALFORMED.values(), strict=True))
    assert [number for number, _ in sent[:-2]] == sorted(told, key=int)
    for (_, reason, line), number in zip(UNREADABLE, sorted(told, key=int), strict=True):
        (fault,) = told[number]
        assert (fault["line"], reason in fault["reason"]) == (line, True), fault


@pytest.mark.parametrize("event", [from_queue, from_stream])
def test_no_number_is_what_json_does_not_know(desk: Desk, event: Event) -> None:
    rows = [
        '{"instrument":"X@BTC@SPOT","time":"2026-03-02T15:00:01Z","price":100.10,"size":5,"seq":1}',
        '{"instrument":"X@BTC@SPOT","time":"2026-03-02T15:00:02Z","price":NaN,"size":5,"seq":2}',
        '{"instrument":"X@BTC@SPOT","time":"2026-03-02T15:00:03Z","price":Infinity,"size":1,"seq":3}',
        '{"instrument":"X@BTC@SPOT","time":"2026-03-02T15:00:04Z","price":100.20,"size":true,"seq":4}',
        '{"instrument":"X@BTC@SPOT","time":"2026-03-02T15:00:05Z","price":100.30,"size":1,"seq":5}',
    ]
    assert desk.take(event(("7", body(*rows)))) == []
    (bad,) = desk.bad()
    assert [(fault["line"], fault["reason"]) for fault in bad["faults"]] == [
        (3, "price: NaN must be a number"),
        (4, "price: Infinity must be a number"),
        (5, "size: true must be a number"),
    ]
    assert [fault["row"] for fault in bad["faults"]] == rows[1:4]
    live(desk.connection, AT + 2 * MINUTE)
    (candle,) = contents(desk.connection, instruments.find(desk.connection, KEY).instrument_id).values()
    assert [str(each) for each in (candle.open, candle.high, candle.low, candle.close)] == [
        "100.10", "100.30", "100.10", "100.30",
    ]  # fmt: skip
    assert (candle.volume, candle.trades) == (6, 2)


def test_a_queue_that_delivers_a_hundred_times_writes_once(desk: Desk) -> None:
    same = ("m-1", body(tick(1), tick(2)))
    for _ in range(10):
        assert desk.take(from_queue(*[same] * 10)) == []
    assert desk.seqs() == [1, 2]
    # One mark for each that wrote: the first batch alone did.
    assert desk.connection.execute("SELECT count(*) FROM market.dirty").fetchone() == (1,)


def test_a_batch_leaves_one_mark_a_minute_however_many_its_records(desk: Desk) -> None:
    assert desk.take(from_queue(*((f"m-{seq}", body(tick(seq))) for seq in range(50)))) == []
    assert desk.connection.execute("SELECT count(*) FROM market.dirty").fetchone() == (1,)


def test_a_record_is_packed_or_has_its_header_in_attributes(desk: Desk) -> None:
    packed = gzip.compress(body(tick(1)).encode())
    assert desk.take(from_queue(("m-1", base64.b64encode(packed).decode()))) == []
    assert desk.take(from_stream(("2", gzip.compress(body(tick(2)).encode())))) == []
    told = {name: str(value) for name, value in HEADER.items()}
    assert desk.take(from_queue(("m-3", f"{json.dumps(tick(3))}\nnonsense"), attributes=told)) == []
    assert desk.seqs() == [1, 2, 3]
    assert [fault["line"] for each in desk.bad() for fault in each["faults"]] == [2]


def test_a_cancellation_may_come_before_its_tick_or_with_it(desk: Desk) -> None:
    taken_back = {"cancelled": True}
    assert desk.take(from_queue(("m-1", body(tick(1, **taken_back))))) == []
    assert desk.take(from_queue(("m-2", body(tick(1), tick(2), tick(2, **taken_back), tick(3))))) == []
    assert desk.take(from_queue(("m-3", body(tick(3, **taken_back))))) == []
    assert [(seq, cancelled) for seq, _, _, cancelled in desk.ticks()] == [(1, True), (2, True), (3, True)]
    assert desk.bad() == []


def test_what_contradicts_a_stored_tick_is_reported_and_the_stored_one_stays(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.take(from_queue(("m-1", body(tick(1, 100), tick(2))))) == []
    assert desk.take(from_queue(("m-2", body(tick(1, 101), tick(2), tick(3))))) == []
    assert counts(capsys) == [1, 1, 0, 1]
    (bad,) = desk.bad()
    assert (bad["record_id"], bad["faults"][0]["line"]) == ("m-2", 2)
    assert bad["faults"][0]["reason"] == "contradicts what is stored under its key: price 101, stored 100"
    assert desk.ticks()[0] == (1, "100", "1", False)


def test_rows_of_what_nobody_knows_are_bad_unless_it_is_to_be_added(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = from_queue(("m-1", body(tick(1), tick(2, instrument="X@NEW@SPOT"), tick(3, instrument="nonsense"))))
    assert desk.take(event) == []
    (bad,) = desk.bad()
    assert [fault["line"] for fault in bad["faults"]] == [3, 4]
    assert "chandlery instruments add X@NEW@SPOT" in bad["faults"][0]["reason"]
    monkeypatch.setenv("ADD_UNKNOWN_INSTRUMENTS", "24/7")
    assert desk.take(event) == []
    (bad,) = desk.bad()
    assert [fault["line"] for fault in bad["faults"]] == [4]
    found = instruments.find(desk.connection, "X@NEW@SPOT")
    assert (found.calendar, found.feed) == ("24/7", "f1")
    assert desk.seqs() == [1, 2]


def test_rows_where_retention_has_dropped_are_refused(desk: Desk) -> None:
    desk.connection.execute(
        "INSERT INTO market.drops (table_name, starts, ends, rows) VALUES ('ticks', %s, %s, 1)",
        [AT - timedelta(hours=6), AT + timedelta(seconds=2)],
    )
    assert desk.take(from_queue(("m-1", body(tick(1), tick(2), tick(-40_000))))) == []
    assert desk.seqs() == [-40_000, 2]
    (bad,) = desk.bad()
    assert [(fault["line"], fault["reason"]) for fault in bad["faults"]] == [
        (2, "time: retention has dropped that stretch of ticks")
    ]


def test_retention_waits_for_records_and_records_for_retention(desk: Desk, server_url: str, database_url: str) -> None:
    """On a server: sessions of the embedded database share their locks."""
    holding = "SELECT pg_try_advisory_xact_lock(hashtext('market.drops of ticks'))"
    with psycopg.connect(database_url) as retention:
        assert retention.execute(holding).fetchone() == (True,)
        with pytest.raises(Retryable):
            desk.take(from_queue(("m-1", body(tick(1)))))
    with desk.connection.transaction(), psycopg.connect(database_url) as retention:
        assert hold_drops(desk.connection, "ticks") == []
        assert retention.execute(holding).fetchone() == (False,)


def test_a_producers_login_is_enough(desk: Desk) -> None:
    with role(desk.connection, "chandlery_producer"):
        schema.check(desk.connection)
        report = ingest_records(desk.connection, [Record("1", body(tick(1), tick(2), tick(2)).encode())], AT)
    assert (report.rows_new, report.rows_known, report.bad) == (2, 1, [])


def test_an_event_of_neither_is_refused(desk: Desk) -> None:
    events: list[dict[str, Any]] = [{}, {"Records": []}, {"Records": [{"eventSource": "aws:s3"}]}]
    for event in events:
        with pytest.raises(Permanent, match="the event is malformed"):
            desk.take(event)


def test_without_a_queue_of_bad_records_nothing_is_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BAD_RECORDS_QUEUE_URL")
    with pytest.raises(Permanent, match="BAD_RECORDS_QUEUE_URL"):
        desk.take(from_queue(("m-1", body(tick(1)))))
    assert desk.seqs() == []


def test_where_the_queue_of_bad_records_is_away_they_come_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Retryable("no answer")

    monkeypatch.setattr(queues, "send", away)
    assert desk.take(from_queue(("m-1", "nonsense"), ("m-2", body(tick(2))))) == ["m-1"]
    assert desk.seqs() == [2]
