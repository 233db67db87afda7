"""Candles and indicators of regular hours alone, compared with plain Python over plain rows; a chosen timeframe."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from psycopg import Connection

from chandlery.platform.errors import Refused
from chandlery.reading.read_candles import Candle
from chandlery.reading.route_timeframe import route_timeframe
from chandlery.reference.store import instruments
from chandlery.words.hours import Hours
from chandlery.words.timeframe import ENOUGH, Timeframe
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from tests.integration.api_scene import minute
from tests.integration.derived_scene import listed, open_hours, refresh, write
from tests.integration.reading.pages import KEY, STRETCHES, query, some_minutes, walk
from tests.plain_derived import UTC_MINUTES, Derived, Minute, OpenHours, bucket_of, fold

SHARE = "XNYS@RTH@EQ"
DAY_OF_CASE, OPENS = date(2026, 11, 24), datetime(2026, 11, 24, 14, 30, tzinfo=UTC)


def regular_bucket(moment: datetime, session: OpenHours, timeframe: str, hours: Hours) -> datetime | None:
    """Where a regular minute's bucket begins."""
    if hours is Hours.REGULAR:
        return bucket_of(moment, [session], timeframe)
    opens, closes = session.opens, session.closes
    if session.pause:
        opens, closes = (session.pause[1], closes) if moment >= session.pause[1] else (opens, session.pause[0])
    # That of the closing auction lies in the last one.
    within = min(moment, closes - timedelta(microseconds=1))
    width = timedelta(minutes=UTC_MINUTES[timeframe])
    return opens + (within - opens) // width * width


def roll_regular(
    minutes: Sequence[Minute], sessions: Sequence[OpenHours], timeframe: str, hours: Hours
) -> Mapping[datetime, Derived]:
    buckets: dict[datetime, list[Minute]] = defaultdict(list)
    for each in minutes:
        inside = [session for session in sessions if session.has(each.time)]
        bucket = regular_bucket(each.time, inside[-1], timeframe, hours) if inside else None
        if bucket is not None:
            buckets[bucket].append(each)
    return {bucket: fold(inside) for bucket, inside in buckets.items()}


def expected(sessions: Sequence[OpenHours], timeframe: str, hours: Hours, since: datetime) -> Mapping[datetime, int]:
    """Minutes of open hours since the first candle that is known."""
    counts: dict[datetime, int] = defaultdict(int)
    for session in sessions:
        for number in range((session.closes - session.opens) // MINUTE):
            moment = session.opens + number * MINUTE
            bucket = regular_bucket(moment, session, timeframe, hours) if session.has(moment) else None
            if bucket is not None and moment >= since:
                counts[bucket] += 1
    return counts


def told(row: Candle) -> tuple[object, ...]:
    return (
        row.open,
        row.high,
        row.low,
        row.close,
        row.volume,
        row.trades,
        row.price_eligible,
        row.minutes,
        row.sources,
    )


def plain(found: Derived) -> tuple[object, ...]:
    return (
        found.open, found.high, found.low, found.close, found.volume, found.trades, found.price_eligible, found.minutes,
        found.sources,
    )  # fmt: skip


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("hours", [Hours.REGULAR, Hours.FROM_OPEN])
@pytest.mark.parametrize(("calendar", "first", "last"), STRETCHES, ids=lambda each: str(each))
def test_they_are_the_fold_of_regular_minutes_on_pages_in_either_direction(
    connection: Connection, calendar: str, first: date, last: date, hours: Hours
) -> None:
    (instrument,) = listed(connection, calendar, first, last, KEY)
    sessions = open_hours(connection, calendar)
    starts, ends = sessions[0].opens - 3 * HOUR, sessions[-1].closes + 3 * HOUR
    auctions = [session.closes for session in sessions]
    minutes = {each.time: each for each in some_minutes(starts, ends)}
    eleven = Decimal(11)
    minutes |= {time: Minute(time, eleven, eleven, eleven, eleven, eleven, eleven, 1) for time in auctions}
    write(connection, instrument, minutes.values())
    for timeframe in ("5m", "1h", "4h"):
        wanted = roll_regular(sorted(minutes.values(), key=lambda m: m.time), sessions, timeframe, hours)
        counted = expected(sessions, timeframe, hours, since=min(minutes))
        asked = query(timeframe, hours=hours, limit=7, ends=ends)
        backward = walk(connection, asked, ends + DAY)
        assert {row.time: told(row) for row in backward} == {time: plain(each) for time, each in wanted.items()}
        assert {row.time: row.expected for row in backward} == {time: counted[time] for time in wanted}
        assert all(row.closed for row in backward)
        forward = walk(connection, query(timeframe, hours=hours, limit=11, starts=starts, ends=ends), ends + DAY)
        assert forward == backward


def test_one_that_may_still_change_is_open_and_left_out_when_asked(connection: Connection) -> None:
    (instrument,) = listed(connection, "XNYS", DAY_OF_CASE, DAY_OF_CASE, KEY)
    write(connection, instrument, [minute(OPENS + number * MINUTE, number) for number in range(120)])
    at = OPENS + 90 * MINUTE
    rows = walk(connection, query("1h", hours=Hours.FROM_OPEN, starts=OPENS), at)
    assert [(row.time, row.closed, row.partial) for row in rows] == [
        (OPENS, True, False),
        (OPENS + HOUR, False, True),
    ]
    whole = query("1h", hours=Hours.FROM_OPEN, starts=OPENS, include_partial=False)
    assert [row.time for row in walk(connection, whole, at)] == [OPENS]


def test_what_would_read_too_much_or_be_filled_is_refused(connection: Connection) -> None:
    listed(connection, "XNYS", DAY_OF_CASE, DAY_OF_CASE, KEY)
    with pytest.raises(Refused, match="200,000 are read at most: give a number up to 826"):
        walk(connection, query("4h", hours=Hours.REGULAR, limit=827), OPENS)
    with pytest.raises(Refused, match="cannot be filled"):
        walk(connection, query("4h", hours=Hours.REGULAR, limit=10, fill=True), OPENS)


def test_the_coarsest_timeframe_with_candles_enough_is_chosen(connection: Connection) -> None:
    starts = datetime(2024, 1, 1, tzinfo=UTC)
    (instrument,) = listed(connection, "24/7", starts.date(), (starts + 400 * DAY).date(), KEY)
    # One an hour: so days have as many as there are, and what is finer has no more than hours.
    write(connection, instrument, [minute(starts + number * HOUR, number) for number in range(24 * ENOUGH)])
    refresh(connection, starts + 300 * DAY)

    def chosen(days: int) -> Timeframe:
        return route_timeframe(connection, instruments.find(connection, KEY), Window(starts, starts + days * DAY))

    assert chosen(ENOUGH) is Timeframe.D1
    assert chosen(ENOUGH - 1) is Timeframe.H4
    assert chosen(34) is Timeframe.H4
    assert chosen(33) is Timeframe.H1
    # Fewer than enough of any: of those with most the finest.
    assert chosen(8) is Timeframe.M1
    assert route_timeframe(connection, instruments.find(connection, KEY), Window(starts - DAY, starts)) is Timeframe.M1
    # What retention drops leaves the finest that has most.
    connection.execute("DELETE FROM market.candles")
    assert chosen(8) is Timeframe.M5
