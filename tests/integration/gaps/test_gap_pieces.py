"""A ledger of many gaps is written in pieces: what a run has done stays, and the next one finishes."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, LiteralString

import pytest
from psycopg import Connection

from chandlery.gaps.find_gaps import Found, count_hours, find_gaps
from chandlery.gaps.store import scans
from chandlery.gaps.store.scans import Share
from chandlery.gaps.watch_live_gaps import watch_live_gaps
from chandlery.platform import statements
from chandlery.platform.dry_run import dry_running
from chandlery.words.window import HOUR, WEEK, Window
from tests.integration.market import MINUTE, NOON, always, around_the_clock, live
from tests.plain_gaps import Candle, find, insert_candles, open_by_minute, read_instruments

KEYS = ["X@A@EQ", "X@B@EQ", "X@C@EQ", "X@D@EQ"]
WINDOW = Window(NOON - 2 * HOUR, NOON)
# Two minutes are there, two are not; one instrument trades in each, so that their feed lives.
THERE = [WINDOW.starts + number * MINUTE for number in range(120) if number % 4 < 2]
GAPS = 3 * 30


@pytest.fixture
def desk(connection: Connection) -> Connection:
    *broken, whole = around_the_clock(connection, *KEYS)
    for each in broken:
        insert_candles(connection, each, dict.fromkeys(THERE, Candle(trades=60)))
    minutes = [WINDOW.starts + number * MINUTE for number in range(120)]
    insert_candles(connection, whole, dict.fromkeys(minutes, Candle(trades=60)))
    connection.execute("UPDATE market.instruments SET listed_at = %s", [WINDOW.starts])
    count_hours(connection, lambda: True)
    return connection


def look(connection: Connection, shares: int = 4, times: Iterator[bool] | None = None, **limits: Any) -> Found:
    return find_gaps(
        connection,
        "test",
        WINDOW,
        NOON,
        shares=scans.plan_shares(connection, -(-len(KEYS) // shares)),
        has_time=lambda: times is None or next(times, False),
        **limits,
    )


def ledger(connection: Connection) -> Sequence[Any]:
    return connection.execute(
        "SELECT instrument_id, starts, ends, minutes, reason, evidence, found_at, healed_at, healed_from, attempts"
        " FROM market.gaps ORDER BY instrument_id, starts"
    ).fetchall()


def scanned(connection: Connection) -> Sequence[Any]:
    return connection.execute("SELECT starts, ends FROM market.scans").fetchall()


@pytest.fixture
def whole(desk: Connection) -> tuple[Found, Sequence[Any]]:
    """What a scan in one piece comes to; the ledger is empty again."""
    found = look(desk, shares=1)
    rows = ledger(desk)
    assert len(rows) == found.ledger.found == GAPS
    desk.execute("TRUNCATE market.gaps, market.scans")
    return found, rows


def test_a_run_with_time_for_a_part_keeps_it_and_the_next_finishes(
    desk: Connection, whole: tuple[Found, Sequence[Any]]
) -> None:
    part = look(desk, times=iter([True, True]), piece_rows=1)
    assert (part.ledger.found, part.shares_left) == (60, 2)
    assert ledger(desk) == [row for row in whole[1] if row[0] <= 2]
    assert scanned(desk) == []
    rest = look(desk, piece_rows=1)
    assert (rest.ledger.found, rest.ledger.rows, rest.shares_left) == (30, 30, 0)
    assert rest.feeds == whole[0].feeds
    assert ledger(desk) == whole[1]
    assert scanned(desk) == [(WINDOW.starts, WINDOW.ends)]


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize(
    ("place", "kept"),
    [("scan_gaps:create_scanned_instruments", 1), ("scan_gaps:reconcile_gaps", 1), ("record_scan", 2)],
)
def test_a_run_killed_between_pieces_keeps_those_before_it(
    desk: Connection, whole: tuple[Found, Sequence[Any]], monkeypatch: pytest.MonkeyPatch, place: str, kept: int
) -> None:
    usual, usual_on, seen = statements.run, statements.run_on, 0

    def die(name: str) -> None:
        nonlocal seen
        seen += name == place
        if name == place and seen == (1 if place == "record_scan" else 2):
            raise Killed

    def run(connection: Connection, name: str, **values: Any) -> Any:
        die(name)
        return usual(connection, name, **values)

    def run_on(connection: Connection, relation: LiteralString, name: str, **values: Any) -> Any:
        die(name)
        return usual_on(connection, relation, name, **values)

    with monkeypatch.context() as patch:
        patch.setattr(scans, "run", run)
        patch.setattr(scans, "run_on", run_on)
        with pytest.raises(Killed):
            look(desk, piece_rows=1)
    # The last piece goes with the memory of the scan; it holds nothing but the instrument that is whole.
    assert {row[0] for row in ledger(desk)} == set(range(1, kept + 1)) | ({3} if place == "record_scan" else set())
    assert scanned(desk) == []
    look(desk, piece_rows=1)
    assert ledger(desk) == whole[1]
    assert scanned(desk) == [(WINDOW.starts, WINDOW.ends)]


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("runs", [1, 25, 61, 1_000])
def test_a_share_with_too_much_to_do_is_cut(desk: Connection, whole: tuple[Found, Sequence[Any]], runs: int) -> None:
    found = look(desk, shares=1, share_runs=runs)
    assert (found.ledger, found.feeds, found.shares_left) == (whole[0].ledger, whole[0].feeds, 0)
    assert ledger(desk) == whole[1]
    assert look(desk, shares=1, share_runs=runs).ledger.rows == 0


@pytest.mark.parametrize(("last", "parts"), [(7, 2), (7, 3), (7, 7), (7, 100), (10, 4), (4, 1)])
def test_a_share_is_cut_into_others_of_all_its_instruments(last: int, parts: int) -> None:
    shares = Share(4, last).split(parts)
    assert [number for each in shares for number in range(each.first, each.last + 1)] == list(range(4, last + 1))
    assert len(shares) <= parts


def test_a_dry_run_in_pieces_leaves_nothing(desk: Connection, whole: tuple[Found, Sequence[Any]]) -> None:
    with dry_running(desk):
        assert look(desk, piece_rows=1, share_runs=30) == whole[0]
        assert len(ledger(desk)) == GAPS
        assert look(desk, piece_rows=1).ledger.rows == 0
    assert (ledger(desk), scanned(desk)) == ([], [])
    assert look(desk, piece_rows=1) == whole[0]


@pytest.mark.long
def test_ticks_on_and_off_that_come_in_after_all_are_healed(connection: Connection) -> None:
    """Three instruments around the clock; of each four minutes two are late."""
    around_the_clock(connection, *KEYS[:3])
    starts = NOON - 30 * HOUR

    def bring(minutes: Sequence[int]) -> None:
        connection.execute(
            "INSERT INTO market.ticks (time, instrument_id, seq, price, size)"
            " SELECT %s::timestamptz + m * INTERVAL '1 minute' + s * INTERVAL '1 second', i, 0, 100, 1"
            " FROM generate_series(0, 1799) AS m, generate_series(0, 45, 15) AS s, generate_series(1, 3) AS i"
            " WHERE m %% 4 = ANY (%s)",
            [starts, minutes],
        )

    def monitor(now: Any) -> Any:
        live(connection, now)
        return watch_live_gaps(
            connection, now, piece_candles=20_000, verify_buckets=0, share_instruments=2, has_time=always
        )

    bring([0, 1])
    first = monitor(NOON)
    assert (first.gaps_open, first.minutes_open, first.gaps_found) == (1350, 2697, 1350)
    _hold(connection, Window(NOON - WEEK, NOON - MINUTE))
    bring([2, 3])
    second = monitor(NOON + timedelta(minutes=5))
    assert second.gaps_filled == 1350
    # Nothing has come since noon.
    _hold(connection, Window(NOON - WEEK, NOON + 4 * MINUTE))
    healed = connection.execute(
        "SELECT count(*), sum(minutes), bool_and(healed_from LIKE 'live_%') FROM market.gaps"
        " WHERE healed_at IS NOT NULL"
    ).fetchone()
    assert healed == (1350, 2697, True)


def _hold(connection: Connection, window: Window) -> None:
    """Compare the ledger with the reference."""
    known = read_instruments(connection)
    shall = find(known, window)
    assert {number: open_by_minute(connection, each, number) for number, each in known.items()} == shall


def test_an_hour_that_a_window_cuts_is_counted_whole(desk: Connection) -> None:
    """The mark of an hour goes whole: a candle in its last minutes would never be counted."""
    late = WINDOW.ends + 20 * MINUTE
    insert_candles(desk, 1, {late: Candle(trades=1), late - HOUR: Candle(trades=1)})
    cut = Window(WINDOW.starts + 30 * MINUTE, late - 10 * MINUTE)
    find_gaps(desk, "test", cut, late, shares=[Share(1, 4)], has_time=always)
    assert desk.execute("SELECT count(*) FROM market.marks WHERE work = 'count'").fetchone() == (0,)
    counted = desk.execute(
        "SELECT h.hour, bit_count(h.complete) FROM market.candle_hours AS h WHERE instrument_id = 1 ORDER BY hour"
    ).fetchall()
    stored = desk.execute(
        "SELECT date_trunc('hour', time), count(*) FROM market.candles WHERE instrument_id = 1 GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert counted == stored
