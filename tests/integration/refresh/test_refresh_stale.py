"""Marks of changed minutes: what is refreshed, what is left, and that nothing is lost."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.platform.errors import Permanent, Retryable
from chandlery.refresh.refresh_history import refresh_history
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.refresh.store import derived, refreshes
from chandlery.refresh.store.refreshes import Outcome
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from tests.integration.derived_scene import assert_rolled, candle, listed, minutes, open_hours, refresh, whole, write
from tests.integration.market import NOON
from tests.plain_derived import Minute

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
LATE = NOON + 3 * DAY


def around_the_clock(connection: Connection, *keys: str) -> list[int]:
    return listed(connection, "24/7", date(2026, 1, 1), date(2026, 3, 8), *keys)


def rows(connection: Connection, work: str) -> list[tuple[datetime, list[int]]]:
    query = "SELECT hour, instrument_ids FROM market.marks WHERE work = %s ORDER BY 1, 2"
    return connection.execute(query, [work]).fetchall()


@pytest.fixture
def instrument(connection: Connection) -> int:
    """One with candles around noon and around midnight."""
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    write(connection, instrument, [*minutes(NOON - 20 * MINUTE, 90), *minutes(MIDNIGHT - 30 * MINUTE, 60)])
    return instrument


def test_marks_are_taken_and_their_hours_handed_on(connection: Connection, instrument: int) -> None:
    marked = rows(connection, "refresh")
    assert [hour for hour, _ in marked] == [MIDNIGHT - HOUR, MIDNIGHT, NOON - HOUR, NOON, NOON + HOUR]
    report = refresh(connection, LATE)
    assert (report.marks_taken, report.marks_left, report.marks_below_horizon) == (5, 0, 0)
    assert report.changed
    assert rows(connection, "refresh") == []
    assert [each[:2] for each in rows(connection, "indicate")] == marked
    assert_rolled(connection, instrument, open_hours(connection, "24/7"))
    before = whole(connection)
    again = refresh(connection, LATE)
    assert (again.changed, again.refreshes) == (False, 0)
    assert whole(connection) == before


def test_a_share_of_the_marks_is_taken_the_newest_hours_first(connection: Connection, instrument: int) -> None:
    report = refresh(connection, LATE, most_marks=2)
    assert (report.marks_taken, report.marks_left) == (2, 3)
    assert [hour for hour, _ in rows(connection, "indicate")] == [NOON, NOON + HOUR]
    while refresh(connection, LATE, most_marks=2).changed:
        pass
    assert_rolled(connection, instrument, open_hours(connection, "24/7"))


def test_a_run_without_time_leaves_every_mark(connection: Connection, instrument: int) -> None:
    report = refresh_stale(connection, LATE, most_marks=100, has_time=lambda: False)
    assert (report.marks_taken, report.marks_left, report.refreshes) == (0, 5, 0)


def test_marks_of_hours_to_come_are_left(connection: Connection, instrument: int) -> None:
    report = refresh(connection, NOON - HOUR - MINUTE)
    assert (report.marks_taken, report.marks_left) == (2, 0)
    assert [hour for hour, _ in rows(connection, "refresh")] == [NOON - HOUR, NOON, NOON + HOUR]


def test_no_open_bucket_is_materialized(connection: Connection, instrument: int) -> None:
    at = NOON + 21 * MINUTE
    refresh(connection, at)
    for rollup in CANDLES.rollups:
        materialized_to = derived.list_watermarks(connection)[rollup.relation]
        assert materialized_to is not None
        assert materialized_to <= rollup.timeframe.floor_bucket(at - MINUTE)
    # The minute before belongs to the live processor still.
    refresh(connection, NOON + 25 * MINUTE)
    assert derived.list_watermarks(connection)["candles_5m"] == NOON + 20 * MINUTE
    refresh(connection, NOON + 26 * MINUTE)
    assert derived.list_watermarks(connection)["candles_5m"] == NOON + 25 * MINUTE


def test_a_bucket_whose_mark_was_taken_while_it_was_open_is_refreshed_when_it_has_closed(
    connection: Connection, instrument: int
) -> None:
    """Nobody else materializes it here; the refresh of a later bucket must not hide it."""
    hours = open_hours(connection, "24/7")
    refresh(connection, NOON + 21 * MINUTE)
    assert [hour for (hour,) in connection.execute("SELECT hour FROM market.open_hours ORDER BY 1")]
    later = NOON + DAY + 5 * HOUR
    write(connection, instrument, minutes(later, 3))
    refresh(connection, later + 10 * MINUTE)
    assert_rolled(connection, instrument, hours)
    refresh(connection, later + 2 * DAY)
    assert connection.execute("SELECT count(*) FROM market.open_hours").fetchone() == (0,)
    assert_rolled(connection, instrument, hours)


def test_an_earlier_run_leaves_what_a_later_one_has_materialized(connection: Connection, instrument: int) -> None:
    refresh(connection, LATE)
    changed = candle(NOON + 30 * MINUTE, 500)
    write(connection, instrument, [changed])
    replayed = refresh(connection, NOON + 22 * MINUTE)
    assert (replayed.marks_taken, replayed.marks_left) == (0, 1)
    refresh(connection, LATE)
    assert rows(connection, "refresh") == []
    assert_rolled(connection, instrument, open_hours(connection, "24/7"))


def test_a_candle_that_changes_during_the_refresh_leaves_a_mark_of_its_own(
    connection: Connection, instrument: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_once: Iterator[Minute] = iter([candle(NOON, 700)])
    plain = refreshes.refresh

    def refresh_and_change(connection: Connection, aggregate: str, window: Window, **options: Any) -> Outcome:
        outcome = plain(connection, aggregate, window, **options)
        for changed in write_once:
            write(connection, instrument, [changed])
        return outcome

    monkeypatch.setattr(refreshes, "refresh", refresh_and_change)
    refresh(connection, LATE)
    assert [hour for hour, _ in rows(connection, "refresh")] == [NOON]
    monkeypatch.undo()
    assert refresh(connection, LATE).marks_taken == 1
    assert_rolled(connection, instrument, open_hours(connection, "24/7"))


def test_a_run_that_dies_leaves_its_marks(
    connection: Connection, instrument: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    plain = refreshes.refresh

    def die_late(connection: Connection, aggregate: str, window: Window, **options: Any) -> Outcome:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise Retryable("killed")
        return plain(connection, aggregate, window, **options)

    before = rows(connection, "refresh")
    monkeypatch.setattr(refreshes, "refresh", die_late)
    with pytest.raises(Retryable):
        refresh(connection, LATE)
    assert rows(connection, "refresh") == before
    monkeypatch.undo()
    refresh(connection, LATE)
    assert_rolled(connection, instrument, open_hours(connection, "24/7"))


def test_a_candle_healed_ten_days_back_shows_everywhere_and_no_other_changes(connection: Connection) -> None:
    healed, other = around_the_clock(connection, "X@A@EQ", "X@B@EQ")
    for instrument in (healed, other):
        for days in range(12):
            write(connection, instrument, minutes(NOON - days * DAY, 30, 10 + days))
    refresh(connection, LATE)
    before = whole(connection)
    at = NOON - 10 * DAY + 13 * MINUTE
    write(connection, healed, [candle(at, 900)])
    assert whole(connection) == before
    report = refresh(connection, LATE)
    assert (report.marks_taken, report.refreshes) == (1, len(CANDLES.rollups))
    after = whole(connection)
    for timeframe, candles in before.items():
        changed = [(one, new) for one, new in zip(candles, after[timeframe], strict=True) if one != new]
        ((_, new),) = changed
        bucket = Timeframe(timeframe).floor_bucket(at)
        assert new[:2] == (healed, bucket), timeframe
        assert Decimal(901) in new
    assert_rolled(connection, healed, open_hours(connection, "24/7"))


def set_horizon(connection: Connection, at: datetime) -> None:
    connection.execute(
        "INSERT INTO market.horizons (table_name, dropped_before) VALUES ('candles', %s)"
        " ON CONFLICT (table_name) DO UPDATE SET dropped_before = excluded.dropped_before",
        [at],
    )


@pytest.fixture
def dropped(connection: Connection) -> Iterator[tuple[int, datetime]]:
    """An instrument with eight days of candles, materialized, the minutes of three dropped; and the horizon."""
    (instrument,) = around_the_clock(connection, "X@A@EQ")
    horizon = datetime(2026, 2, 19, tzinfo=UTC)  # a Thursday: where chunks of seven days begin
    for days in range(-3, 5):
        write(connection, instrument, minutes(horizon + days * DAY + HOUR, 30))
    refresh(connection, LATE)
    set_horizon(connection, horizon)
    connection.execute("SELECT drop_chunks('market.candles', older_than => %s::timestamptz)", [horizon])
    yield instrument, horizon
    connection.execute("DELETE FROM market.horizons")


def test_nothing_is_refreshed_below_the_horizon(connection: Connection, dropped: tuple[int, datetime]) -> None:
    instrument, horizon = dropped
    before = whole(connection)
    # By another program, on both sides of the edge.
    write(connection, instrument, [candle(horizon - MINUTE, 50), candle(horizon + 2 * MINUTE, 60)])
    report = refresh(connection, LATE)
    assert (report.marks_taken, report.marks_below_horizon, report.marks_left) == (2, 1, 0)
    after = whole(connection)
    for timeframe in ("5m", "15m", "30m", "1h", "4h", "1d"):
        assert [row for row in after[timeframe] if row[1] < horizon] == [
            row for row in before[timeframe] if row[1] < horizon
        ]
        assert len([row for row in after[timeframe] if row[1] >= horizon]) >= 5
    # A month that reaches over the edge keeps what it was made of.
    assert sum(row[10] for row in after["1mo"]) == sum(row[10] for row in before["1mo"]) + 1


def test_timescaledb_alone_would_take_the_history_with_it(
    connection: Connection, dropped: tuple[int, datetime]
) -> None:
    """The trap that the horizon shuts."""
    instrument, horizon = dropped
    before = whole(connection)["5m"]
    write(connection, instrument, [candle(horizon - MINUTE, 50)])
    connection.execute(
        "CALL refresh_continuous_aggregate('market.candles_5m', %s, %s)", [horizon - 7 * DAY, horizon + DAY]
    )
    left = [row for row in whole(connection)["5m"] if row[1] < horizon]
    assert len(left) < len([row for row in before if row[1] < horizon])


def test_history_is_filled_in_pieces_and_again_at_little_cost(connection: Connection, instrument: int) -> None:
    for days in range(1, 30, 2):
        write(connection, instrument, minutes(NOON - days * DAY, 20))
    told: list[tuple[int, int]] = []
    window = Window(NOON - 40 * DAY, NOON + DAY)
    report = refresh_history(connection, CANDLES, Timeframe.H1, window, LATE, lambda *done: told.append(done))
    assert report.pieces > 3
    assert told == [(done, report.pieces) for done in range(report.pieces + 1)]
    assert derived.list_watermarks(connection)["candles_4h"] is None
    for timeframe in (Timeframe.H4, Timeframe.MO1):
        refresh_history(connection, CANDLES, timeframe, window, LATE, lambda *_: None)
    assert derived.list_watermarks(connection)["candles_4h"] == NOON.replace(hour=16)
    before = whole(connection)
    assert_rolled(connection, instrument, open_hours(connection, "24/7"))
    refresh_history(connection, CANDLES, Timeframe.H1, window, LATE, lambda *_: None)
    assert whole(connection) == before
    write(connection, instrument, minutes(NOON - 4000 * DAY, 20))
    whole_window = Window(NOON - 5000 * DAY, NOON + DAY)
    for timeframe in (Timeframe.H4, Timeframe.MO1):
        beyond_empty_years = refresh_history(connection, CANDLES, timeframe, whole_window, LATE, lambda *_: None)
        assert beyond_empty_years.pieces <= report.pieces + 4
    assert_rolled(connection, instrument, open_hours(connection, "24/7"))


def test_history_that_is_nowhere_needs_nothing(connection: Connection, instrument: int) -> None:
    window = Window(NOON - 4000 * DAY, NOON - 3000 * DAY)
    assert refresh_history(connection, CANDLES, Timeframe.H1, window, LATE, lambda *_: None).refreshes == 0


def test_history_below_the_horizon_is_refused(connection: Connection, dropped: tuple[int, datetime]) -> None:
    _, horizon = dropped
    before = whole(connection)
    refused = r"dropped from 2026-02-18T23:59.* to 2026-02-19T00:00[^ ]*: .*; refresh what is kept: from 2026-02-19"
    with pytest.raises(Permanent, match=refused):
        refresh_history(connection, CANDLES, Timeframe.H1, Window(horizon - MINUTE, LATE), LATE, lambda *_: None)
    for timeframe in (Timeframe.H4, Timeframe.MO1):  # their buckets reach further back than the window
        refresh_history(
            connection, CANDLES, timeframe, Window(horizon + timedelta(hours=1), LATE), LATE, lambda *_: None
        )
    assert whole(connection) == before


def test_every_stretch_that_was_dropped_and_all_that_is_kept_between_is_named(
    connection: Connection, dropped: tuple[int, datetime]
) -> None:
    _, horizon = dropped
    days = [horizon + number * DAY for number in range(5)]
    connection.execute(
        "INSERT INTO market.drops (table_name, starts, ends) VALUES ('candles', %s, %s), ('candles', %s, %s)", days[:4]
    )
    try:
        with pytest.raises(Permanent) as refused:
            refresh_history(connection, CANDLES, Timeframe.H1, Window(horizon - DAY, days[4]), LATE, lambda *_: None)
        with pytest.raises(Permanent, match="nothing else lies between these moments"):
            refresh_history(connection, CANDLES, Timeframe.H1, Window(days[2], days[3]), LATE, lambda *_: None)
    finally:
        connection.execute("DELETE FROM market.drops")
    gone, kept = str(refused.value).split("; ")
    assert re.findall(r"02-(\d\d)T", gone) == ["19", "20", "21", "22"]
    assert re.findall(r"02-(\d\d)T", kept) == ["18", "19", "20", "21", "22", "23"]


def test_minutes_are_nothing_to_refresh(connection: Connection) -> None:
    with pytest.raises(Permanent, match="no timeframe that candles are rolled up to"):
        refresh_history(connection, CANDLES, Timeframe.M1, Window(NOON, LATE), LATE, lambda *_: None)
