"""Candles that somebody else changed, and candles whose ticks retention has dropped."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.store import hours
from chandlery.gaps.watch_historical_gaps import watch_historical_gaps
from chandlery.gaps.watch_live_gaps import LiveGapReport, watch_live_gaps
from chandlery.minutes.domain.source import Source
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.minutes.store.candles import list_differing
from chandlery.words.window import DAY, HOUR, Window
from tests.integration.market import (
    MINUTE,
    NOON,
    always,
    around_the_clock,
    contents,
    insert,
    live,
    put_candles,
    row_versions,
    snapshot,
)
from tests.plain_fold import Tick, fold

LATER = NOON + 30 * HOUR
SECOND = timedelta(seconds=1)
MS = int(NOON.timestamp() * 1000)


def ticks(minutes: int = 1, each: int = 4, at: datetime = NOON, first: int = 0) -> list[Tick]:
    return [
        Tick(at + minute * MINUTE + timedelta(seconds=10 * number), first + number, Decimal(10 + number), Decimal(1))
        for minute in range(minutes)
        for number in range(each)
    ]


def watch(connection: Connection, at: datetime, verify_buckets: int = 0) -> LiveGapReport:
    return watch_live_gaps(
        connection,
        at,
        piece_candles=20_000,
        verify_buckets=verify_buckets,
        share_instruments=1_000,
        has_time=always,
    )


def watch_history(connection: Connection, at: datetime, verify_buckets: int = 0) -> None:
    watch_historical_gaps(
        connection,
        at,
        open_vendor=lambda: None,
        piece_candles=20_000,
        verify_buckets=verify_buckets,
        share_instruments=1_000,
        most_vendor_days=1,
        has_time=always,
    )


def made_by(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT source::text, version, revision, trades FROM market.candles ORDER BY instrument_id, time"
    ).fetchall()


def marks_left(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM market.dirty").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def desk(connection: Connection) -> Sequence[int]:
    """Two instruments with a candle of four ticks each, at noon and a minute later."""
    ids = around_the_clock(connection, "X@A@EQ", "X@B@EQ")
    for instrument in ids:
        insert(connection, instrument, ticks(2))
    live(connection, NOON + 2 * MINUTE)
    return ids


def test_a_deleted_candle_is_made_again_as_gap_filled(connection: Connection, desk: Sequence[int]) -> None:
    connection.execute("DELETE FROM market.candles WHERE instrument_id = %s AND time = %s", [desk[0], NOON])
    report = live(connection, NOON + DAY, gap_check_buckets=0)
    assert (report.candles_written, report.candles_revised) == (1, 0)
    assert contents(connection, desk[0]) == fold(ticks(2))
    assert made_by(connection)[0] == ("live_gap_filled", MS - 1, 0, 4)
    assert marks_left(connection) == 0
    before = row_versions(connection)
    assert not live(connection, NOON + DAY).changed
    assert row_versions(connection) == before


@pytest.mark.parametrize(
    ("heal", "source", "version"),
    [
        (lambda connection: watch(connection, LATER), "live_gap_filled", MS - 1),
        (lambda connection: watch_history(connection, NOON + 8 * DAY), "historical_aggregated", 1),
    ],
)
def test_an_old_deleted_candle_is_its_monitors(
    connection: Connection, desk: Sequence[int], heal: Any, source: str, version: int
) -> None:
    connection.execute("DELETE FROM market.candles WHERE instrument_id = %s AND time = %s", [desk[0], NOON])
    assert not live(connection, NOON + 25 * HOUR).changed
    heal(connection)
    assert made_by(connection)[0] == (source, version, 0, 4)
    assert contents(connection, desk[0]) == fold(ticks(2))


@pytest.mark.parametrize(
    "change",
    [
        "close = close + 100, high = high + 100",
        "trades = 1000",
        "volume = 0, turnover = NULL",
        "partial = NOT partial",
        "close = open, low = open, high = open, trades = NULL",
    ],
)
def test_a_changed_candle_is_recomputed_and_keeps_its_source(
    connection: Connection, desk: Sequence[int], change: str
) -> None:
    connection.execute(
        f"UPDATE market.candles SET {change} WHERE instrument_id = %s AND time = %s",  # noqa: S608  # our own words
        [desk[0], NOON],
    )
    report = live(connection, NOON + 3 * MINUTE)
    assert (report.candles_written, report.candles_revised, report.gaps_filled) == (0, 1, 0)
    assert contents(connection, desk[0]) == fold(ticks(2))
    assert made_by(connection)[0] == ("live_aggregated", MS, 1, 4)
    assert not any(row[10] for row in snapshot(connection))
    before = row_versions(connection)
    assert not live(connection, NOON + 3 * MINUTE).changed
    assert row_versions(connection) == before


def test_a_change_that_is_taken_back_writes_nothing(connection: Connection, desk: Sequence[int]) -> None:
    connection.execute("UPDATE market.candles SET trades = 5 WHERE instrument_id = %s", [desk[0]])
    connection.execute("UPDATE market.candles SET trades = 4 WHERE instrument_id = %s", [desk[0]])
    assert not live(connection, NOON + 3 * MINUTE).changed
    assert marks_left(connection) == 0


def test_a_candle_moved_by_hand_is_made_again_where_it_was(connection: Connection, desk: Sequence[int]) -> None:
    connection.execute(
        "UPDATE market.candles SET time = time + INTERVAL '9 minutes' WHERE instrument_id = %s AND time = %s",
        [desk[0], NOON],
    )
    assert live(connection, NOON + 20 * MINUTE).candles_written == 1
    kept = contents(connection, desk[0])
    # Where it was moved to there are no ticks: it is left alone.
    moved = kept.pop(NOON + 9 * MINUTE)
    assert kept == fold(ticks(2))
    assert moved == kept[NOON]


@pytest.mark.parametrize("source", ["live_aggregated", "live_gap_filled", "vendor_historical"])
def test_a_hands_candle_without_ticks_is_left_alone(connection: Connection, desk: Sequence[int], source: str) -> None:
    lonely = NOON + 5 * MINUTE
    put_candles(connection, desk[0], [lonely], source=source, version=7)
    connection.execute("UPDATE market.candles SET high = 3, trades = 9 WHERE time = %s", [lonely])
    before = [row for row in row_versions(connection) if row[0] == "candle"]
    live(connection, NOON + 10 * MINUTE)
    for at in (LATER, LATER + 5 * MINUTE):
        watch(connection, at, verify_buckets=10_000)
    watch_history(connection, NOON + 8 * DAY, verify_buckets=1_000_000)
    assert marks_left(connection) == 0
    assert [row for row in row_versions(connection) if row[0] == "candle"] == before


def test_our_own_writers_leave_no_mark(connection: Connection, desk: Sequence[int]) -> None:
    assert marks_left(connection) == 0
    insert(connection, desk[0], ticks(1, first=50))
    connection.execute("DELETE FROM market.ticks WHERE instrument_id = %s AND time >= %s", [desk[1], NOON + MINUTE])
    report = live(connection, NOON + 3 * MINUTE)
    assert (report.candles_revised, report.candles_deleted, marks_left(connection)) == (1, 1, 0)
    candles.verify(connection, Window(NOON, NOON + 2 * MINUTE), Source.LIVE_GAP_FILLED)
    money: list[Decimal] = [Decimal(1)]
    columns = CandleColumns([NOON + 7 * MINUTE], money, money, money, money, money, [None], [None])
    candles.write_vendor(connection, desk[0], columns)
    for window in hours.plan_uncounted(connection, CANDLES, 100):
        hours.count(connection, CANDLES, window)
    watch(connection, LATER, verify_buckets=10_000)
    assert marks_left(connection) == 0


def test_after_our_own_transaction_a_hand_is_a_hand_again(connection: Connection, desk: Sequence[int]) -> None:
    # The same session as the runs before: what it said about itself ended with its transaction.
    connection.execute("UPDATE market.candles SET trades = 5 WHERE instrument_id = %s", [desk[0]])
    assert marks_left(connection) == 2


def drop_ticks(connection: Connection, older_than: datetime = NOON + 6 * HOUR) -> None:
    connection.execute("SELECT drop_chunks('market.ticks', older_than => %s::timestamptz)", [older_than])


@pytest.fixture
def dropped(connection: Connection, desk: Sequence[int]) -> Sequence[int]:
    """The same two instruments; retention has dropped the ticks of their candles, later ones are kept."""
    # A limit that two of four ticks would break.
    connection.execute("UPDATE market.feeds SET silence_seconds = 30")
    for instrument in desk:
        insert(connection, instrument, ticks(1, at=NOON + 7 * HOUR))
    live(connection, NOON + 8 * HOUR)
    drop_ticks(connection)
    return desk


@pytest.mark.parametrize("late", [1, 3])
def test_a_late_tick_where_ticks_were_dropped_leaves_the_candle(
    connection: Connection, dropped: Sequence[int], late: int
) -> None:
    before = snapshot(connection)
    insert(connection, dropped[0], ticks(1, each=late, first=70))
    live(connection, NOON + 8 * HOUR)
    assert snapshot(connection) == before
    # A look that compares candles with their ticks finds no reason either.
    candles.verify(connection, Window(NOON, NOON + MINUTE), Source.LIVE_GAP_FILLED)
    assert snapshot(connection) == before
    watch_history(connection, NOON + 9 * DAY, verify_buckets=1_000_000)
    assert snapshot(connection) == before


def test_as_many_late_ticks_as_were_dropped_leave_the_candle(connection: Connection, dropped: Sequence[int]) -> None:
    before = snapshot(connection)
    insert(connection, dropped[0], ticks(1, each=4, first=70))
    insert(connection, dropped[1], ticks(1, each=5, first=70))
    live(connection, NOON + 8 * HOUR)
    assert snapshot(connection) == before


def test_a_change_before_the_drop_leaves_the_other_candles_alone(
    connection: Connection, dropped: Sequence[int]
) -> None:
    later = NOON + 7 * HOUR
    connection.execute("UPDATE market.ticks SET size = 2 WHERE instrument_id = %s AND time >= %s", [dropped[0], later])
    insert(connection, dropped[1], ticks(1, at=NOON + 13 * HOUR))
    drop_ticks(connection, NOON + 12 * HOUR)
    before = snapshot(connection)
    live(connection, NOON + 8 * HOUR)
    assert snapshot(connection) == before
    # A late tick, far older than all that is kept, does not show that those ticks are kept.
    connection.execute(
        "INSERT INTO market.dirty (bucket, instrument_ids, ticks) VALUES (%s, %s, ARRAY[0])", [later, [dropped[0]]]
    )
    insert(connection, dropped[1], ticks(1, each=1, at=NOON, first=70))
    live(connection, NOON + 8 * HOUR)
    assert snapshot(connection) == before


def test_a_late_tick_taken_back_leaves_the_other_candles_alone(connection: Connection, dropped: Sequence[int]) -> None:
    before = snapshot(connection)
    insert(connection, dropped[0], ticks(1, each=2, first=70))
    connection.execute("UPDATE market.ticks SET cancelled = true WHERE seq = 70")
    live(connection, NOON + 8 * HOUR)
    assert [row for row in snapshot(connection) if row[0] == dropped[1]] == [
        row for row in before if row[0] == dropped[1]
    ]


def test_ticks_really_taken_away_shrink_the_candle_or_remove_it(connection: Connection, desk: Sequence[int]) -> None:
    one, other = desk
    connection.execute(
        "DELETE FROM market.ticks WHERE instrument_id = %s AND time < %s AND seq > 0", [one, NOON + MINUTE]
    )
    connection.execute(
        "UPDATE market.ticks SET cancelled = true WHERE instrument_id = %s AND time < %s", [other, NOON + MINUTE]
    )
    report = live(connection, NOON + 3 * MINUTE)
    assert (report.candles_revised, report.candles_deleted) == (1, 1)
    assert contents(connection, one)[NOON].trades == 1
    assert list(contents(connection, other)) == [NOON + MINUTE]


def differing(connection: Connection, minutes: int = 2) -> Sequence[tuple[int, datetime]]:
    return list_differing(connection, Window(NOON, NOON + minutes * MINUTE))


@pytest.mark.parametrize(
    ("table", "change", "where"),
    [
        ("candles", "open = open + 1, high = high + 1", "true"),
        ("candles", "high = high + 1", "true"),
        ("candles", "low = low - 1", "true"),
        ("candles", "close = close - 1", "true"),
        ("candles", "volume = volume + 1", "true"),
        ("candles", "turnover = NULL", "true"),
        ("candles", "trades = trades + 1", "true"),
        ("candles", "price_eligible = false", "true"),
        ("candles", "partial = true", "true"),
        # It is lost: there it has no ticks.
        ("candles", "time = time + INTERVAL '9 minutes'", "true"),
        ("ticks", "price = price + 0.5", "seq = 1"),
        ("ticks", "size = 2", "seq = 1"),
        ("ticks", "updates_ohlc = false", "seq = 0"),
        ("ticks", "updates_volume = false", "seq = 1"),
        ("ticks", "cancelled = true", "seq = 1"),
        # What comes first or last changes, and nothing else.
        ("ticks", "time = time + INTERVAL '15 seconds'", "seq = 0"),
        ("ticks", "seq = -1, time = time - INTERVAL '10 seconds'", "seq = 1"),
        ("ticks", "time = time - INTERVAL '15 seconds'", "seq = 3"),
    ],
)
def test_whatever_differs_without_a_mark_is_found_by_a_look(
    connection: Connection, desk: Sequence[int], table: str, change: str, where: str
) -> None:
    assert differing(connection) == differing(connection, 1) == []
    changed = connection.execute(
        f"UPDATE market.{table} SET {change} WHERE {where}"  # noqa: S608  # our own words
        " AND instrument_id = %s AND time >= %s AND time < %s",
        [desk[0], NOON, NOON + MINUTE],
    )
    assert changed.rowcount == 1
    connection.execute("TRUNCATE market.dirty")
    assert differing(connection) == differing(connection, 1) == [(desk[0], NOON)]
    found = candles.verify(connection, Window(NOON, NOON + 2 * MINUTE), Source.LIVE_GAP_FILLED)
    assert found.written + found.revised == 1
    assert differing(connection) == []
    # All of them, each made again of its ticks, are what they are now.
    again = candles.write_from_ticks(
        connection,
        Window(NOON, NOON + 2 * MINUTE),
        [*desk, *desk],
        [NOON, NOON, NOON + MINUTE, NOON + MINUTE],
        Source.LIVE_GAP_FILLED,
    )
    assert (again.written, again.revised, again.deleted) == (0, 0, 0)


def test_ticks_of_one_moment_do_not_differ_from_their_candle(connection: Connection, desk: Sequence[int]) -> None:
    insert(connection, desk[0], [Tick(NOON + 50 * SECOND, seq, Decimal(seq), Decimal(1)) for seq in (7, 5, 6)])
    insert(connection, desk[0], [Tick(NOON, seq, Decimal(-seq), Decimal(1)) for seq in (-7, -5, -6)])
    live(connection, NOON + 3 * MINUTE)
    assert contents(connection, desk[0])[NOON].open == 7
    assert differing(connection) == differing(connection, 1) == []


def test_a_silent_feed_is_looked_at_closely(connection: Connection, desk: Sequence[int]) -> None:
    connection.execute("UPDATE market.feeds SET silence_seconds = 20")
    assert sorted(differing(connection)) == sorted((each, NOON + m * MINUTE) for each in desk for m in (0, 1))
    connection.execute("UPDATE market.feeds SET silence_seconds = 60")
    connection.execute("DELETE FROM market.feed_minutes WHERE bucket > %s", [NOON])
    assert sorted(differing(connection)) == [(each, NOON + MINUTE) for each in sorted(desk)]


def test_ticks_taken_away_without_a_mark_are_found_by_a_look(connection: Connection, desk: Sequence[int]) -> None:
    connection.execute(
        "DELETE FROM market.ticks WHERE instrument_id = %s AND time < %s AND seq > 1", [desk[0], NOON + MINUTE]
    )
    connection.execute("DELETE FROM market.dirty")
    candles.verify(connection, Window(NOON, NOON + MINUTE), Source.LIVE_GAP_FILLED)
    assert made_by(connection)[0] == ("live_aggregated", MS, 1, 2)
