"""Each data set's changes are published once, in the transaction of the change, in the order of commits."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg import Connection
from psycopg import errors as pg

from chandlery.datasets.candles import CANDLES
from chandlery.indicators.store import indicators
from chandlery.minutes.domain.source import Source
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.outbox.deliver_messages import deliver_messages
from chandlery.outbox.publish.calls import MOST_BYTES
from chandlery.outbox.publish_changes import MOST_NAMED, publish_changes
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.policies.store import policies
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.words.window import DAY, HOUR, Window
from tests.integration.api_scene import get, settings
from tests.integration.market import MINUTE, NOON, always, around_the_clock, insert, live
from tests.integration.platform.test_roles import PRODUCER, READER, WRITER, role
from tests.plain_fold import Tick

KEYS = ("X@A@EQ", "X@B@EQ")
AT = NOON + 30 * MINUTE


@pytest.fixture
def desk(connection: Connection, migrated_url: str) -> Iterator[Connection]:
    """A connection of a component that publishes changes, and two instruments."""
    around_the_clock(connection, *KEYS)
    with connect(Settings(database_url=migrated_url, changes_published=True), "test") as telling:
        yield telling


@pytest.fixture
def another(server_url: str, desk: Connection, database_url: str) -> Iterator[Connection]:
    """Another such connection, of a real server."""
    with connect(Settings(database_url=database_url, changes_published=True), "test") as opened:
        yield opened


def trade(connection: Connection, instrument: int, minute: int, price: int = 10, seq: int = 0, **more: Any) -> None:
    insert(connection, instrument, [Tick(NOON + minute * MINUTE, seq, price, 1, **more)])  # type: ignore[arg-type]


def say(connection: Connection) -> None:
    """An item of sentiment."""
    connection.execute(
        "INSERT INTO market.sentiment (instrument_id, source, time, item_id, score) VALUES (1, 'news', %s, '1', 0)",
        [NOON],
    )


def told(connection: Connection) -> Sequence[Mapping[str, Any]]:
    """What is published now, an event a data set."""
    (last,) = connection.execute("SELECT coalesce(max(cursor), 0) FROM market.changes").fetchone() or (0,)
    publish_changes(connection, AT)
    query = "SELECT body FROM market.changes WHERE cursor > %s ORDER BY dataset"
    return [body for (body,) in connection.execute(query, [last]).fetchall()]


def part(event: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    names = ("kind", "timeframes", "starts", "ends", "instrument_count")
    return [tuple(each[name] for name in names) for each in event["changes"]]


def at(minute: int) -> str:
    return (NOON + minute * MINUTE).isoformat()


def test_a_live_run_publishes_new_minutes_and_revised_ones(desk: Connection) -> None:
    for instrument in (1, 2):
        trade(desk, instrument, 3)
    live(desk, NOON + 4 * MINUTE)
    (event,) = told(desk)
    assert event == {
        "version": 1,
        "cursor": event["cursor"],
        "dataset": "candles",
        "at": AT.isoformat(),
        "kinds": ["new"],
        "timeframes": ["1m"],
        "starts": at(3),
        "ends": at(4),
        "instrument_count": 2,
        "instruments": list(KEYS),
        "instruments_left_out": 0,
        "changes": [{"kind": "new", "timeframes": ["1m"], "starts": at(3), "ends": at(4), "instrument_count": 2}],
    }
    trade(desk, 1, 3, price=11, seq=1)
    trade(desk, 2, 5)
    live(desk, NOON + 6 * MINUTE)
    (event,) = told(desk)
    assert part(event) == [("new", ["1m"], at(5), at(6), 1), ("revised", ["1m"], at(3), at(4), 1)]
    assert (event["kinds"], event["starts"], event["ends"]) == (["new", "revised"], at(3), at(6))
    live(desk, NOON + 7 * MINUTE)
    assert told(desk) == []


def test_a_minute_whose_ticks_were_all_cancelled_is_deleted(desk: Connection) -> None:
    trade(desk, 1, 3)
    live(desk, NOON + 4 * MINUTE)
    told(desk)
    desk.execute("UPDATE market.ticks SET cancelled = true")
    # The embedded database updates no hypertable: nothing is published then.
    if live(desk, NOON + 5 * MINUTE).candles_deleted:
        (event,) = told(desk)
        assert part(event) == [("deleted", ["1m"], at(3), at(4), 1)]


@pytest.mark.parametrize("source", [Source.LIVE_GAP_FILLED, Source.HISTORICAL_AGGREGATED])
def test_what_fills_a_gap_heals(desk: Connection, source: Source) -> None:
    trade(desk, 1, 3)
    candles.write_from_ticks(desk, Window(NOON, NOON + HOUR), [1], [NOON + 3 * MINUTE], source)
    (event,) = told(desk)
    assert part(event) == [("healed", ["1m"], at(3), at(4), 1)]
    # What comes in the same session after it does not.
    trade(desk, 1, 4)
    live(desk, NOON + 5 * MINUTE)
    assert told(desk)[0]["kinds"] == ["new"]


@pytest.mark.parametrize(("imported", "kind"), [(True, "new"), (False, "healed")])
def test_a_vendors_candle_is_new_where_it_is_imported(desk: Connection, imported: bool, kind: str) -> None:
    columns = CandleColumns([NOON], ["1"], ["2"], ["1"], ["2"], ["5"], [None], [3])
    candles.write_vendor(desk, 1, columns, imported=imported)
    assert told(desk)[0]["kinds"] == [kind]


def test_refreshed_timeframes_are_published_with_the_marks_that_are_taken(desk: Connection) -> None:
    trade(desk, 1, 3)
    live(desk, NOON + 4 * MINUTE)
    told(desk)
    refresh_stale(desk, NOON + 3 * DAY, has_time=always)
    (event,) = told(desk)
    assert event["timeframes"] == sorted(each.value for each in CANDLES.derived)
    (only,) = part(event)
    assert (only[0], *only[2:]) == ("revised", at(0), at(60), 1)


def test_values_of_indicators_are_published_with_the_hours_that_are_taken(desk: Connection) -> None:
    desk.execute("INSERT INTO market.unindicated_hours (instrument_id, hour) VALUES (1, %s), (2, %s)", [NOON, NOON])
    (piece,) = indicators.plan_pieces(desk, AT + HOUR, 10_000)
    with pytest.raises(KeyError), indicators.taking(desk, piece):
        raise KeyError
    assert told(desk) == []
    with indicators.taking(desk, piece) as hours:
        assert len(hours) == 2
    (event,) = told(desk)
    assert (event["dataset"], part(event)) == ("indicator_values", [("revised", [], at(0), at(60), 2)])


def test_what_retention_drops_is_published_once_with_its_timeframes(desk: Connection) -> None:
    for table in ("candles", "candles_1h"):
        desk.execute("INSERT INTO market.drops (table_name, starts, ends) VALUES (%s, %s, %s)", [table, NOON, AT])
    policies.take_drops(desk, AT)
    (event,) = told(desk)
    assert part(event) == [("deleted", ["1h"], at(0), at(30), None), ("deleted", ["1m"], at(0), at(30), None)]
    assert (event["instrument_count"], event["instruments"], event["instruments_left_out"]) == (None, [], None)
    policies.take_drops(desk, AT + MINUTE)
    assert told(desk) == []


def test_rows_of_any_data_set_that_leaves_marks_are_published(desk: Connection) -> None:
    desk.execute(
        "INSERT INTO market.sentiment (instrument_id, source, time, item_id, score)"
        " SELECT n, 'news', %s + n * INTERVAL '1 second', n::text, 0.5 FROM generate_series(1, 2) AS n",
        [NOON],
    )
    desk.execute(
        "INSERT INTO market.flows (instrument_id, venue, time, tx, leg, direction, amount)"
        " VALUES (1, 'kraken', %s, 't', 0, 'in', 5)",
        [NOON],
    )
    flows, sentiment = told(desk)
    assert part(flows) == [("new", [], at(0), "2026-03-02T12:00:00.000001+00:00", 1)]
    assert part(sentiment) == [("new", [], "2026-03-02T12:00:01+00:00", "2026-03-02T12:00:02.000001+00:00", 2)]
    assert [each["dataset"] for each in (flows, sentiment)] == ["flows", "sentiment"]
    assert sentiment["timeframes"] == []


def test_who_writes_notes_who_runs_publishes_and_who_reads_sees_that_alone(desk: Connection) -> None:
    insertion = (
        "INSERT INTO market.sentiment (instrument_id, source, time, item_id, score) VALUES (1, 'news', %s, '1', 0)"
    )
    with role(desk, PRODUCER):
        desk.execute(insertion, [NOON])
    trade(desk, 1, 3)
    with role(desk, WRITER):
        live(desk, NOON + 4 * MINUTE)
        assert [each["dataset"] for each in told(desk)] == ["candles", "sentiment"]
        assert deliver_messages(desk, "changes", lambda _: [], at=AT).sent == 2
    with role(desk, READER):
        assert len(desk.execute("SELECT FROM market.changes").fetchall()) == 2
        with pytest.raises(pg.InsufficientPrivilege):
            desk.execute("SELECT body FROM market.outbox")


def test_nothing_is_noted_where_changes_are_not_published(connection: Connection, desk: Connection) -> None:
    trade(connection, 1, 3)
    live(connection, NOON + 4 * MINUTE)
    refresh_stale(connection, NOON + 3 * DAY, has_time=always)
    assert told(desk) == []


def test_what_is_rolled_back_is_not_published(desk: Connection) -> None:
    trade(desk, 1, 3)
    with desk.transaction(force_rollback=True):
        live(desk, NOON + 4 * MINUTE)
    assert told(desk) == []


def test_of_thousands_of_instruments_the_first_are_named_and_the_rest_counted(desk: Connection) -> None:
    desk.execute(
        "INSERT INTO market.instruments (instrument_key, calendar, feed)"
        " SELECT 'Y@' || lpad(n::text, 4, '0') || '@EQ', '24/7', 'test' FROM generate_series(1, 3000) AS n"
    )
    desk.execute(
        "INSERT INTO market.unpublished_changes (dataset, kind, timeframes, starts, ends, instrument_ids)"
        " SELECT 'candles', 'new', '{}', %s, %s, array_agg(instrument_id) FROM market.instruments",
        [NOON, NOON + MINUTE],
    )
    (event,) = told(desk)
    assert event["instrument_count"] == 3002
    assert event["instruments"] == [*KEYS, *(f"Y@{number:04}@EQ" for number in range(1, MOST_NAMED - 1))]
    assert event["instruments_left_out"] == 3002 - MOST_NAMED
    assert len(json.dumps(event)) < MOST_BYTES


def test_keys_of_any_length_leave_an_event_below_the_limit(desk: Connection) -> None:
    desk.execute(
        "INSERT INTO market.instruments (instrument_key, calendar, feed)"
        " SELECT 'Y@' || repeat('é', 2000) || n || '@EQ', '24/7', 'test' FROM generate_series(1, 100) AS n"
    )
    desk.execute(
        "INSERT INTO market.unpublished_changes (dataset, kind, timeframes, starts, ends, instrument_ids)"
        " SELECT 'candles', 'new', '{}', %s, %s, array_agg(instrument_id) FROM market.instruments",
        [NOON, NOON + MINUTE],
    )
    (event,) = told(desk)
    assert 40 < len(event["instruments"]) < 102
    assert len(event["instruments"]) + event["instruments_left_out"] == event["instrument_count"] == 102
    assert len(json.dumps(event, ensure_ascii=False).encode()) < MOST_BYTES


def test_who_polls_gets_what_came_after_the_cursor(desk: Connection, database_url: str) -> None:
    for minute in range(3):
        trade(desk, 1, minute)
        live(desk, NOON + (minute + 1) * MINUTE)
        told(desk)
    with settings(database_url):
        whole = get("/api/v1/changes").json
        assert [each["starts"] for each in whole["changes"]] == [f"2026-03-02T12:0{minute}:00Z" for minute in range(3)]
        first, second, third = whole["changes"]
        assert whole["kept_from"] == first["cursor"]
        assert (first["dataset"], first["kinds"], first["instruments"]) == ("candles", ["new"], ["X@A@EQ"])
        assert get("/api/v1/changes", after=first["cursor"], limit=1).json["changes"] == [second]
        assert get("/api/v1/changes", after=second["cursor"]).json["changes"] == [third]
        assert get("/api/v1/changes", dataset="flows").json["changes"] == []
        assert whole["newest_cursor"] == third["cursor"]


def test_who_polls_for_some_instruments_misses_none_of_theirs(desk: Connection, database_url: str) -> None:
    for instrument in (1, 2):
        trade(desk, instrument, instrument)
        live(desk, NOON + (instrument + 1) * MINUTE)
        told(desk)
    with settings(database_url):
        both = get("/api/v1/changes").json["changes"]
        assert [each["instruments"] for each in both] == [[KEYS[0]], [KEYS[1]]]
        for change, key in zip(both, KEYS, strict=True):
            assert get("/api/v1/changes", instrument_keys=f"X@Z@EQ,{key}").json["changes"] == [change]
        # Of any instruments, and of more than are named: they may be among them.
        desk.execute(
            "INSERT INTO market.unpublished_changes (dataset, kind, timeframes, starts, ends, instrument_ids)"
            " VALUES ('candles', 'deleted', '{}', %(at)s, %(end)s, NULL),"
            " ('flows', 'new', '{}', %(at)s, %(end)s, '{1,999}')",
            {"at": NOON, "end": NOON + MINUTE},
        )
        told(desk)
        others = get("/api/v1/changes", instrument_keys="X@Z@EQ").json["changes"]
        assert [(each["dataset"], each["instrument_count"]) for each in others] == [("candles", None), ("flows", 2)]
        assert get("/api/v1/changes", instrument_keys="nonsense").fields == ["instrument_keys"]


def test_an_instrument_that_is_gone_is_counted_and_not_named(desk: Connection) -> None:
    desk.execute(
        "INSERT INTO market.unpublished_changes (dataset, kind, timeframes, starts, ends, instrument_ids)"
        " VALUES ('candles', 'deleted', '{}', %s, %s, '{1,999}')",
        [NOON, NOON + MINUTE],
    )
    (event,) = told(desk)
    assert (event["instrument_count"], event["instruments"], event["instruments_left_out"]) == (2, ["X@A@EQ"], 1)


def test_a_change_that_commits_late_has_a_later_cursor(desk: Connection, another: Connection) -> None:
    trade(desk, 1, 3)
    with another.transaction():
        say(another)
        live(desk, NOON + 4 * MINUTE)
        (first,) = told(desk)
    (second,) = told(desk)
    assert (first["dataset"], second["dataset"]) == ("candles", "sentiment")
    assert first["cursor"] < second["cursor"]


def test_two_that_publish_at_once_publish_each_change_once(desk: Connection, another: Connection) -> None:
    for minute in range(8):
        trade(desk, 1, minute)
        live(desk, NOON + (minute + 1) * MINUTE)
    with ThreadPoolExecutor(2) as pool:
        with desk.transaction():
            publish_changes(desk, AT)
            second = pool.submit(publish_changes, another, AT)
        assert second.result() == 0
    events = desk.execute("SELECT starts, ends FROM market.changes").fetchall()
    assert events == [(NOON, NOON + 8 * MINUTE)]
