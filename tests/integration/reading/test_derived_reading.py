"""Derived candles as they are read: how complete they are, and what a corrected calendar makes of them."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from psycopg import Connection

from chandlery.gaps.import_candles import import_candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import sessions
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from tests.integration import derived_scene
from tests.integration.derived_scene import ALWAYS, assert_rolled, listed, open_hours, refresh, write
from tests.integration.market import candles_of
from tests.plain_derived import TIMEFRAMES, Derived, Minute, OpenHours, expected


def minutes(first: datetime, count: int, every: int = 1) -> Sequence[Minute]:
    return [
        Minute(
            first + number * every * MINUTE,
            Decimal(10 + number % 5),
            Decimal(16),
            Decimal(9),
            Decimal(10 + number % 3),
            Decimal(number % 4),
            Decimal(7 * number),
            1 + number % 3,
            partial=number % 11 == 0,
        )
        for number in range(count)
    ]


def assert_read(
    connection: Connection, instrument: int, window: Window, hours: Sequence[OpenHours], life: tuple[datetime, datetime]
) -> None:
    """What is read is what is stored, with its vwap and its expected minutes."""
    for name in TIMEFRAMES:
        found = candles_of(connection, instrument, window, Timeframe(name))
        expected_minutes = expected(hours, name, life)
        stored = derived_scene.derived(connection, instrument, name)
        inside = {bucket: each for bucket, each in stored.items() if window.starts <= bucket < window.ends}
        assert [each.time for each in found] == sorted(inside), name
        for each in found:
            candle = inside[each.time]
            columns = {field.name for field in fields(Derived)} - {"turnover", "partial_minutes"}
            assert {key: value for key, value in each._asdict().items() if key in columns} == {
                key: value for key, value in asdict(candle).items() if key in columns
            }
            assert each.partial == (candle.partial_minutes > 0)
            vwap = None if candle.turnover is None or not candle.volume else candle.turnover / candle.volume
            assert (each.vwap is None) == (vwap is None)
            assert vwap is None or each.vwap is None or abs(each.vwap - vwap) < Decimal("1e-9")
            assert each.expected == expected_minutes.get(each.time, 0), (name, each.time)


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize(
    ("calendar", "first", "last"),
    [
        ("XNYS", date(2024, 11, 27), date(2024, 12, 2)),
        ("XTKS", date(2024, 3, 27), date(2024, 4, 1)),
        ("CMES", date(2024, 3, 7), date(2024, 3, 12)),
        ("24/7", date(2024, 12, 30), date(2025, 1, 1)),
    ],
)
def test_what_is_read_says_how_complete_it_is(connection: Connection, calendar: str, first: date, last: date) -> None:
    (instrument,) = listed(connection, calendar, first - 9 * DAY, last + 9 * DAY, "X@A@EQ")
    hours = open_hours(connection, calendar)
    starts = datetime.combine(first, time(), UTC)
    length = datetime.combine(last, time(), UTC) + DAY - starts
    write(connection, instrument, minutes(starts, length // MINUTE // 7, 7))
    window = Window(starts - 40 * DAY, starts + 40 * DAY)
    connection.execute("UPDATE market.instruments SET listed_at = %s", [ALWAYS[0]])
    assert_read(connection, instrument, window, hours, ALWAYS)
    refresh(connection, starts + length / 2)
    assert_read(connection, instrument, window, hours, ALWAYS)
    refresh(connection, starts + 20 * DAY)
    life = (starts + DAY + 7 * MINUTE, starts + 3 * DAY + 10 * HOUR + 3 * MINUTE)
    connection.execute("UPDATE market.instruments SET listed_at = %s, delisted_at = %s", life)
    assert_read(connection, instrument, window, hours, life)
    # Cut anywhere, a stretch has the buckets that start in it.
    assert_read(connection, instrument, Window(starts + 7 * HOUR, starts + 2 * DAY + 11 * MINUTE), hours, life)


def test_expected_minutes_begin_with_the_first_known_data(connection: Connection) -> None:
    (instrument,) = listed(connection, "24/7", date(2024, 1, 1), date(2024, 1, 31), "X@A@EQ")
    begins = datetime(2024, 1, 10, 6, 3, tzinfo=UTC)
    write(connection, instrument, minutes(begins, 20))
    connection.execute("UPDATE market.instruments SET data_from = %s", [begins])
    (day,) = candles_of(connection, instrument, Window(begins - DAY, begins + DAY), Timeframe.D1)
    assert (day.minutes, day.partial, day.expected) == (18, True, 18 * 60 - 3)
    first = candles_of(connection, instrument, Window(begins - DAY, begins + DAY), Timeframe.M5)[0]
    assert (first.minutes, first.partial, first.expected) == (1, True, 2)


def test_expected_minutes_are_known_right_after_an_import(connection: Connection) -> None:
    """No gap monitor has run yet; nobody knows the life of the instrument but its candles."""
    (instrument,) = listed(connection, "24/7", date(2024, 1, 1), date(2024, 1, 31), "X@A@EQ")
    begins = datetime(2024, 1, 10, 6, 3, tzinfo=UTC)
    window = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))
    write(connection, instrument, minutes(begins, 20))

    def expected() -> Sequence[int | None]:
        month, day = (candles_of(connection, instrument, window, each)[0] for each in (Timeframe.MO1, Timeframe.D1))
        return [month.expected, day.expected, candles_of(connection, instrument, window, Timeframe.M5)[0].expected]

    since_then = [21 * 1440 + 18 * 60 - 3, 18 * 60 - 3, 2]
    assert expected() == since_then
    price = [Decimal(7)]
    before = CandleColumns([begins - DAY], price, price, price, price, price, [None], [None])
    import_candles(connection, instrument, [before])
    known = connection.execute("SELECT data_from FROM market.instruments").fetchone()
    assert known == (begins - DAY,)
    assert expected() == [since_then[0] + 1440, since_then[1], 2]


def corrected(opens: int, closes: int) -> Calendar:
    """A day of a calendar, by its hours in UTC."""
    day = date(2024, 3, 5)
    noon = datetime(2024, 3, 5, tzinfo=UTC)
    return Calendar("24/7", "UTC", day, day, (Session(day, noon + opens * HOUR, noon + closes * HOUR),))


def test_daily_candles_follow_a_corrected_calendar(connection: Connection) -> None:
    (instrument,) = listed(connection, "24/7", date(2024, 2, 20), date(2024, 3, 10), "X@A@EQ")
    starts = datetime(2024, 3, 4, tzinfo=UTC)
    write(connection, instrument, minutes(starts, 3 * 144, 10))
    late = starts + 20 * DAY
    refresh(connection, late)
    before = derived_scene.whole(connection)
    assert sessions.replace(connection, corrected(10, 16)).restamped > 0
    refresh(connection, late)
    assert_rolled(connection, instrument, open_hours(connection, "24/7"))
    after = derived_scene.whole(connection)
    assert after["4h"] == before["4h"]
    changed = {
        name: [new[1] for old, new in zip(before[name], after[name], strict=True) if old != new] for name in before
    }
    # Midnight, where no session opens any more, is now the day before's closing auction.
    assert changed["1d"] == [starts, starts + DAY]
    assert changed["1w"] == [starts]
    assert changed["1mo"] == [datetime(2024, 3, 1, tzinfo=UTC)]
    sessions.replace(connection, corrected(0, 24))
    refresh(connection, late)
    assert derived_scene.whole(connection) == before
