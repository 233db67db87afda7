"""From a file to candles of every timeframe and their gaps: the file's own days, and no others."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from chandlery.minutes.import_ticks import import_ticks
from chandlery.reference.store import instruments, sessions
from chandlery.refresh.aggregate_history import AggregationReport, aggregate_history
from chandlery.refresh.store import refreshes
from chandlery.refresh.store.refreshes import Outcome
from chandlery.words.window import DAY, MINUTE, Window
from local import calendars
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.integration.derived_scene import derived, listed
from tests.integration.market import NOON, contents, insert
from tests.plain_fold import Tick, fold

AT = datetime(2026, 11, 30, 10, 30, 20, tzinfo=UTC)


def aggregate(connection: Connection, instrument: int, stretch: Window, at: datetime = AT) -> AggregationReport:
    told: list[str] = []
    done = aggregate_history(
        connection, instrument, stretch, at, piece_candles=100, progress=lambda what, _: told.append(what)
    )
    assert "gaps" in told
    return done


def tick(at: datetime, price: int) -> Tick:
    return Tick(at, 0, Decimal(price), Decimal(1))


def every_minute(starts: datetime, minutes: int) -> list[Tick]:
    return [tick(starts + number * MINUTE, 10 + number) for number in range(minutes)]


@pytest.fixture
def ids(connection: Connection) -> Sequence[int]:
    ids = listed(connection, "24/7", date(2026, 2, 1), date(2026, 12, 1), "X@A@EQ", "X@B@EQ")
    connection.execute("INSERT INTO market.feeds VALUES ('test', 60) ON CONFLICT DO NOTHING")
    return ids


def test_minutes_derived_candles_and_gaps_are_made_of_the_days_asked_for(
    connection: Connection, ids: Sequence[int]
) -> None:
    inside, elsewhere = every_minute(NOON, 10), every_minute(NOON + 3 * DAY, 5)
    insert(connection, ids[0], [*inside, *elsewhere])
    done = aggregate(connection, ids[0], Window(NOON, NOON + 10 * MINUTE))
    assert (done.starts, done.ends) == (NOON - timedelta(hours=12), NOON + timedelta(hours=12))
    assert (done.candles_written, done.hours_refreshed > 0) == (10, True)
    assert contents(connection, ids[0]) == fold(inside)
    fives = derived(connection, ids[0], "5m")
    assert [(at, five.volume) for at, five in fives.items()] == [(NOON, 5), (NOON + 5 * MINUTE, 5)]
    assert gap_bounds(connection) == (ids[0], NOON + 10 * MINUTE, done.ends)
    assert connection.execute("SELECT count(*) FROM market.dirty").fetchone() == (5,)
    again = aggregate(connection, ids[0], Window(NOON, NOON + 10 * MINUTE))
    assert (again.candles_written, again.candles_revised, again.gaps_found) == (0, 0, 0)


def gap_bounds(connection: Connection) -> tuple[Any, ...]:
    """Whose open gaps there are, and where they begin and end at the most."""
    found = connection.execute(
        "SELECT min(instrument_id), min(starts), max(ends) FROM market.gaps WHERE healed_at IS NULL"
    ).fetchone()
    assert found is not None
    return found


def test_each_stretch_gets_the_source_of_the_component_that_owns_it(connection: Connection, ids: Sequence[int]) -> None:
    now = NOON + 20 * DAY
    ages = (timedelta(hours=1), 3 * DAY, 9 * DAY)
    insert(connection, ids[0], [tick(now - age, 7) for age in ages])
    aggregate(connection, ids[0], Window(now - 9 * DAY, now), now)
    sources = connection.execute("SELECT source::text FROM market.candles ORDER BY time DESC").fetchall()
    assert sources == [("live_aggregated",), ("live_gap_filled",), ("historical_aggregated",)]


def test_minutes_that_are_not_over_wait(connection: Connection, ids: Sequence[int]) -> None:
    insert(connection, ids[0], every_minute(NOON, 3))
    done = aggregate(connection, ids[0], Window(NOON, NOON + 3 * MINUTE), NOON + 2 * MINUTE + timedelta(seconds=30))
    assert done.candles_written == 2
    early = aggregate_history(
        connection, ids[0], Window(NOON, NOON + DAY), NOON - DAY, piece_candles=100, progress=lambda _what, _done: None
    )
    assert (early.candles_written, early.gaps_found) == (0, 0)


def test_a_day_of_real_trades_becomes_the_candles_of_the_plain_fold(connection: Connection, real_data: Path) -> None:
    day = date(2013, 10, 7)
    sessions.replace(connection, calendars.from_library("XNYS", day, day))
    instruments.add(connection, "XNYS@IBM@EQ", "XNYS", "cts")
    instrument = instruments.find(connection, "XNYS@IBM@EQ").instrument_id
    ticks: list[Tick] = []
    path = real_data / "us-trades" / "IBM-2013-10-07.csv.gz"
    with open_tick_file(path) as reader:
        import_ticks(connection, instrument, tick_lots(iter(reader), instrument, lambda: None, reader.known_columns))
    with open_tick_file(path) as reader:
        for row in (row for batch in reader for row in batch.to_pylist()):
            price, size = Decimal(row["price"]), Decimal(row["size"])
            ticks.append(Tick(row["time"], row["seq"], price, size, row["updates_ohlc"], row["updates_volume"]))
    aggregate(connection, instrument, Window(ticks[0].time, ticks[-1].time + MINUTE))
    assert len(ticks) == 24_293
    assert contents(connection, instrument) == fold(ticks)
    (day_candle,) = derived(connection, instrument, "1d").values()
    regular = connection.execute("SELECT sum(volume) FROM market.candles WHERE NOT extended").fetchone()
    assert regular == (day_candle.volume,)


def test_another_refresh_at_work_is_reported_and_leaves_the_marks(
    connection: Connection, ids: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(connection, ids[0], every_minute(NOON, 10))
    with monkeypatch.context() as patched:
        patched.setattr(refreshes, "refresh", lambda *_, **__: Outcome.BUSY)
        held_off = aggregate(connection, ids[0], Window(NOON, NOON + 10 * MINUTE))
    assert (held_off.candles_written, held_off.hours_refreshed, held_off.refresh_held_off) == (10, 0, True)
    again = aggregate(connection, ids[0], Window(NOON, NOON + 10 * MINUTE))
    assert (again.hours_refreshed, again.refresh_held_off) == (1, False)
