"""Pages of candles: everything once, in either direction, compared with plain Python over the plain rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from psycopg import Connection

from chandlery.platform.errors import Refused
from chandlery.reading.read_candles import CandlePage
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, MINUTE
from tests.integration.derived_scene import listed, open_hours, refresh, write
from tests.integration.reading.pages import KEY, STRETCHES, query, read, some_minutes, walk
from tests.plain_derived import Minute, OpenHours, expected, fold, roll

LIFE = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def plain_filled(minutes: Sequence[Minute], hours: Sequence[OpenHours], timeframe: str) -> dict[datetime, Decimal]:
    """The flat candles that belong between an instrument's first candle and its newest: their closes."""
    if timeframe == "1m":
        closes = {minute.time: minute.close for minute in minutes}
        wanted = {m for m in expected_minutes(hours) if LIFE[0] <= m}
    else:
        closes = {bucket: candle.close for bucket, candle in roll(minutes, hours, timeframe).items()}
        wanted = set(expected(hours, timeframe, (minutes[0].time, LIFE[1])))
    flat, close = {}, None
    for bucket in sorted(wanted | closes.keys()):
        if bucket in closes:
            close = closes[bucket]
        elif close is not None and bucket < max(closes):
            flat[bucket] = close
    return flat


def expected_minutes(hours: Sequence[OpenHours]) -> set[datetime]:
    found = set()
    for session in hours:
        minute = session.opens
        while minute < session.closes:
            if session.has(minute):
                found.add(minute)
            minute += MINUTE
    return found


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(("calendar", "first", "last"), STRETCHES)
def test_pages_have_everything_once(connection: Connection, calendar: str, first: date, last: date) -> None:
    (instrument,) = listed(connection, calendar, first - 9 * DAY, last + 9 * DAY, KEY)
    hours = open_hours(connection, calendar)
    starts = datetime(first.year, first.month, first.day, 3, 7, tzinfo=UTC)
    ends = datetime(last.year, last.month, last.day, 20, tzinfo=UTC)
    minutes = some_minutes(starts, ends)
    write(connection, instrument, minutes)
    refresh(connection, starts + (ends - starts) / 2)
    at = ends + 60 * DAY
    for timeframe in Timeframe:
        if timeframe is Timeframe.M1:
            rolled = {minute.time: fold([minute]) for minute in minutes}
        else:
            rolled = dict(roll(minutes, hours, timeframe.value))
        limit = max(len(rolled) // 3, 1)
        whole = {bucket: candle for bucket, candle in rolled.items() if not candle.partial_minutes}
        for asked in (query(timeframe.value), query(timeframe.value, starts=starts - 40 * DAY)):
            rows = walk(connection, replace(asked, limit=limit), at)
            assert [row.time for row in rows] == sorted(rolled), timeframe
            for row in rows:
                candle = rolled[row.time]
                assert (row.open, row.high, row.low, row.close) == (candle.open, candle.high, candle.low, candle.close)
                assert (row.volume, row.trades, row.minutes) == (candle.volume, candle.trades, candle.minutes)
                assert (row.partial, row.closed, row.filled) == (candle.partial_minutes > 0, True, False)
                assert row.sources == candle.sources
            if timeframe is not Timeframe.M1:
                counts = expected(hours, timeframe.value, (minutes[0].time, LIFE[1]))
                assert [row.expected for row in rows] == [counts.get(row.time, 0) for row in rows], timeframe
            rows = walk(connection, replace(asked, limit=limit, include_partial=False), at)
            assert [row.time for row in rows] == sorted(whole), timeframe


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(("calendar", "first", "last"), STRETCHES)
def test_flat_candles_fill_what_sessions_expect(connection: Connection, calendar: str, first: date, last: date) -> None:
    (instrument,) = listed(connection, calendar, first - 9 * DAY, last + 9 * DAY, KEY)
    hours = open_hours(connection, calendar)
    starts = datetime(first.year, first.month, first.day, 3, 7, tzinfo=UTC)
    ends = datetime(last.year, last.month, last.day, 20, tzinfo=UTC)
    minutes = some_minutes(starts, ends)
    write(connection, instrument, minutes)
    refresh(connection, ends + DAY)
    at = ends + 60 * DAY
    for timeframe in Timeframe:
        flat = plain_filled(minutes, hours, timeframe.value)
        limit = {Timeframe.M1: 3000, Timeframe.M5: 311}.get(timeframe, 61)
        backward = walk(connection, query(timeframe.value, limit=limit, fill=True), at)
        assert {row.time: row.close for row in backward if row.filled} == flat, timeframe
        assert all(row.volume == 0 and row.open == row.high == row.low == row.close for row in backward if row.filled)
        assert [row.time for row in backward] == sorted({row.time for row in backward})
        forward = walk(connection, query(timeframe.value, limit=limit, fill=True, starts=starts - 40 * DAY), at)
        assert forward == backward, timeframe
        middle = timeframe.floor_bucket(starts + (ends - starts) / 2)
        part = walk(connection, query(timeframe.value, limit=7000, fill=True, starts=middle), at)
        assert part == [row for row in backward if row.time >= middle], timeframe


@pytest.mark.parametrize("timeframe", ["1m", "5m"])
def test_flat_candles_next_to_partial_ones_that_are_left_out(connection: Connection, timeframe: str) -> None:
    (instrument,) = listed(connection, "XNYS", date(2024, 11, 20), date(2024, 12, 6), KEY)
    opens = datetime(2024, 11, 25, 14, 30, tzinfo=UTC)
    first_day = [replace(minute, partial=True) for minute in some_minutes(opens, opens + 390 * MINUTE)]
    later = some_minutes(opens + DAY - 150 * MINUTE, opens + 3 * DAY + 390 * MINUTE)
    write(connection, instrument, [*first_day, *later])
    refresh(connection, opens + 4 * DAY)
    for starts in (None, opens - DAY):
        asked = query(timeframe, fill=True, include_partial=False, starts=starts)
        rows = [walk(connection, replace(asked, limit=limit), opens + 9 * DAY) for limit in (10_000, 50)]
        assert rows[0] == rows[1]
        assert sum(row.filled for row in rows[0]) > 20


def test_pages_stay_right_while_candles_arrive(connection: Connection) -> None:
    (instrument,) = listed(connection, "24/7", date(2024, 1, 1), date(2024, 1, 31), KEY)
    first = datetime(2024, 1, 10, tzinfo=UTC)
    minutes = some_minutes(first, first + DAY)
    write(connection, instrument, minutes)
    times = [minute.time for minute in minutes]
    at = first + 2 * DAY
    back = read(connection, query("1m", limit=50), at)
    forth = read(connection, query("1m", limit=50, starts=first), at)
    write(connection, instrument, [replace(minutes[0], time=times[-1] + MINUTE)])
    older = read(connection, query("1m", limit=50, cursor=back.next_cursor), at)
    newer = read(connection, query("1m", limit=50, starts=first, cursor=forth.next_cursor), at)
    assert [row.time for page in (older, back) for row in page.candles] == times[-100:]
    assert [row.time for page in (forth, newer) for row in page.candles] == times[:100]


def test_an_open_bucket_says_so(connection: Connection) -> None:
    (instrument,) = listed(connection, "XNYS", date(2024, 11, 20), date(2024, 12, 6), KEY)
    opens = datetime(2024, 11, 27, 14, 30, tzinfo=UTC)
    write(connection, instrument, [replace(m, partial=False) for m in some_minutes(opens, opens + 800 * MINUTE)])

    def newest(timeframe: str, at: datetime, **values: object) -> CandlePage:
        return read(connection, query(timeframe, limit=1, **values), at)

    closes = datetime(2024, 11, 27, 21, 0, tzinfo=UTC)
    for at, closed in ((closes, False), (closes + MINUTE, True)):
        (row,) = newest("1d", at).candles
        assert (row.closed, row.partial) == (closed, not closed)
        assert len(newest("1d", at, include_partial=False).candles) == closed
    last = datetime(2024, 11, 29, 18, 1, tzinfo=UTC)  # half a day ends the week, and the month
    for timeframe in ("1w", "1mo"):
        assert [newest(timeframe, at).candles[0].closed for at in (last - MINUTE, last)] == [False, True]
    (row,) = newest("1h", opens + 6 * timedelta(hours=1)).candles
    assert row.closed is False
    assert row.partial is True


def test_nonsense_is_refused(connection: Connection) -> None:
    (instrument,) = listed(connection, "24/7", date(2024, 1, 1), date(2024, 1, 31), KEY, "X@B@EQ")[:1]
    first = datetime(2024, 1, 10, tzinfo=UTC)
    write(connection, instrument, some_minutes(first, first + DAY))
    at = first + DAY
    ages = {"starts": datetime(1, 1, 1, tzinfo=UTC), "ends": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)}
    for timeframe in Timeframe:
        for fill in (False, True):
            everything = read(connection, query(timeframe.value, fill=fill, limit=10_000, **ages), at)
            assert everything.candles == walk(connection, query(timeframe.value, fill=fill, limit=10_000), at)
            assert not read(connection, query(timeframe.value, fill=fill), at, "X@B@EQ").candles
    cursor = read(connection, query("5m", limit=3), at).next_cursor
    assert cursor
    for wrong, field in (
        ({"limit": 0}, "limit"),
        ({"starts": at, "ends": at}, "from"),
        ({"starts": datetime(2024, 1, 1)}, "from"),  # noqa: DTZ001  # as meant
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "🙂"}, "cursor"),
        ({"cursor": cursor, "fill": True}, "cursor"),
        ({"cursor": cursor[:-3]}, "cursor"),
    ):
        with pytest.raises(Refused) as refused:
            read(connection, query("5m", **wrong), at)
        assert refused.value.field == field
    with pytest.raises(Refused, match="another key"):
        read(connection, query("5m", limit=3, cursor=cursor), at, "X@B@EQ")
