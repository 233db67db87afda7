"""The historical gap monitor: beyond 7 days, from ticks that are still kept, else from the vendor."""

import io
import json
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.gaps import watch_historical_gaps
from chandlery.gaps.store import scans, vendor_days
from chandlery.gaps.watch_historical_gaps import HistoricalGapReport
from chandlery.gaps.watch_live_gaps import LiveGapReport, watch_live_gaps
from chandlery.platform.errors import ChandleryError, Permanent, Retryable
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from chandlery.vendors.domain.vendor import Vendor
from chandlery.vendors.polygon import Polygon
from chandlery.words.window import DAY, HOUR, WEEK, Window, floor_week
from functions.historical_gap_monitor import handler
from tests.conftest import _EMPTY, REPO
from tests.integration.market import MINUTE, always, insert, row_versions, snapshot
from tests.plain_fold import Tick
from tests.vendor_server import Fault, VendorServer, alter, bar, cut_off, hang_up, refuse

# A desk whose market is open for an hour a day, from Monday to Friday.
NOW = datetime(2026, 3, 18, 2, tzinfo=UTC)  # a Wednesday
BEYOND = NOW - WEEK
FIRST = date(2026, 3, 2)  # a Monday
A_KEY, B_KEY = "X@A@EQ", "X@B@EQ"

Row = tuple[Any, ...]


def open_hour(day: int) -> datetime:
    """When the market opens on a day of March 2026."""
    return datetime(2026, 3, day, 14, tzinfo=UTC)


def minutes(starts: datetime, count: int = 60) -> list[datetime]:
    return [starts + n * MINUTE for n in range(count)]


def keep_market(connection: Connection, first: date, last: date, hours: int = 1) -> None:
    days = [first + n * DAY for n in range((last - first).days + 1)]
    opens = [datetime(day.year, day.month, day.day, 14, tzinfo=UTC) for day in days if day.weekday() < 5]
    open_hours = tuple(Session(at.date(), at, at + hours * HOUR) for at in opens)
    sessions.replace(connection, Calendar("HOUR", "UTC", first, last, open_hours))


def fill(
    connection: Connection,
    instrument_id: int,
    *,
    first: date = FIRST,
    missing: Collection[datetime] = (),
    partial: Collection[datetime] = (),
) -> None:
    """Candles of the live processor in every open minute up to NOW but the missing ones; they leave no dirty mark."""
    connection.execute(
        "INSERT INTO market.candles (instrument_id, time, open, high, low, close, volume, turnover, trades, partial,"
        " session_date, extended, source, version)"
        " SELECT %(id)s, minute, 10, 10, 10, 10, 5, 50, 5, minute = ANY (%(partial)s), s.session_date, false,"
        " 'live_aggregated', extract(epoch FROM minute) * 1000"
        " FROM market.sessions AS s"
        " CROSS JOIN generate_series(s.opens_at, s.closes_at - INTERVAL '1 minute', INTERVAL '1 minute') AS minute"
        " WHERE s.session_date >= %(first)s AND minute < %(now)s AND minute <> ALL (%(missing)s)"
        " ON CONFLICT DO NOTHING",
        {"id": instrument_id, "first": first, "now": NOW, "missing": list(missing), "partial": list(partial)},
    )


@pytest.fixture
def desk(connection: Connection) -> Connection:
    """Instruments A and B of one feed, both with a ticker; B lacks nothing."""
    set_scene(connection)
    return connection


def set_scene(connection: Connection) -> None:
    keep_market(connection, date(2025, 12, 1), date(2026, 4, 30))
    for key, ticker in ((A_KEY, "A"), (B_KEY, "B")):
        instruments.add(connection, key, "HOUR", "test", tickers={"polygon": ticker})
    fill(connection, 2)


@pytest.fixture
def vendor() -> Iterator[VendorServer]:
    with VendorServer() as server:
        server.give("A")
        server.give("B")
        yield server


def give(vendor: VendorServer, ticker: str, times: Sequence[datetime]) -> None:
    vendor.give(ticker, *(bar(time, o=20, h=22, l=19, c=21, v=3, vw=20.5, n=2) for time in times))


def asked(vendor: VendorServer) -> list[tuple[str, str]]:
    """Ticker and day of each request."""
    paths = [request.path.split("/") for request in vendor.requests]
    return [(path[4], datetime.fromtimestamp(int(path[8]) / 1000, UTC).strftime("%m-%d")) for path in paths]


def patient(vendor: VendorServer, key: str | None = None) -> Vendor:
    slept: list[float] = []
    return Polygon(vendor.url, key or vendor.key, deadline_seconds=5, sleep=slept.append)


def monitor(
    connection: Connection,
    vendor: VendorServer | None,
    at: datetime = NOW,
    open_vendor: Callable[[], Vendor | None] | None = None,
    **limits: Any,
) -> HistoricalGapReport:
    settings: dict[str, Any] = {
        "piece_candles": 20_000,
        "verify_buckets": 0,
        "share_instruments": 1000,
        "most_vendor_days": 500,
        "has_time": always,
    }
    opened = open_vendor or (lambda: patient(vendor) if vendor else None)
    return watch_historical_gaps.watch_historical_gaps(connection, at, open_vendor=opened, **(settings | limits))


def monitor_live(connection: Connection, at: datetime) -> LiveGapReport:
    return watch_live_gaps(
        connection, at, piece_candles=20_000, verify_buckets=0, share_instruments=1000, has_time=always
    )


def open_gaps(connection: Connection) -> list[Row]:
    return connection.execute(
        "SELECT instrument_id, starts, ends, reason::text, attempts FROM market.gaps WHERE healed_at IS NULL"
        " ORDER BY instrument_id, starts"
    ).fetchall()


def backing_off(connection: Connection) -> list[Row]:
    return connection.execute(
        "SELECT starts, attempts, next_attempt_at, evidence ->> 'said' FROM market.gaps WHERE healed_at IS NULL"
        " AND next_attempt_at IS NOT NULL ORDER BY instrument_id, starts"
    ).fetchall()


def history(connection: Connection) -> list[Row]:
    return connection.execute(
        "SELECT instrument_id, starts, ends, reason::text, healed_from FROM market.gaps WHERE healed_at IS NOT NULL"
        " ORDER BY instrument_id, starts, reason"
    ).fetchall()


def ledger(connection: Connection) -> list[Row]:
    """All of the ledger but its numbering."""
    return connection.execute(
        "SELECT instrument_id, starts, ends, minutes, reason::text, evidence::text, found_at, healed_at, healed_from,"
        " attempts, next_attempt_at FROM market.gaps ORDER BY 1, 2, 3, 5, 6"
    ).fetchall()


def made_by(connection: Connection, times: Collection[datetime], instrument_id: int = 1) -> set[tuple[str, int]]:
    """Source and version of an instrument's candles at these times, all of which stand."""
    found = connection.execute(
        "SELECT source::text, version FROM market.candles WHERE instrument_id = %s AND time = ANY (%s)",
        [instrument_id, list(times)],
    ).fetchall()
    assert len(found) == len(times)
    return {(source, version) for source, version in found}


VENDORS = ("vendor_historical", 0)
# Time to ask, but not for weeks before the newest.
AT_ONCE: dict[str, Any] = {"has_time": lambda seconds: seconds < 300}


# What heals


def test_the_vendor_fills_what_has_no_ticks(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(4) + 10 * MINUTE, 20)
    fill(desk, 1, missing=lost)
    extended = [open_hour(4) - HOUR, open_hour(4) + 2 * HOUR]
    give(vendor, "A", [*extended, *minutes(open_hour(4))])
    before = snapshot(desk)
    report = monitor(desk, vendor)
    assert (report.candles_written, report.vendor_days, report.gaps_found, report.gaps_filled) == (20, 1, 1, 1)
    assert (report.gaps_open, report.vendor_days_left, report.weeks_left, report.changed) == (0, 0, 0, True)
    assert made_by(desk, lost) == {VENDORS}
    # Neither extended hours nor minutes outside the gap are written, nor is any other candle touched.
    assert set(before) <= set(snapshot(desk))
    assert len(snapshot(desk)) == len(before) + 20
    assert history(desk) == [(1, lost[0], lost[-1] + MINUTE, "instrument_silent", "vendor_historical")]
    assert asked(vendor) == [("A", "03-04")]
    # Once more: nothing to do, nothing asked, nothing written.
    versions = row_versions(desk)
    assert not monitor(desk, vendor).changed
    assert (row_versions(desk), len(vendor.requests)) == (versions, 1)


def test_ticks_still_kept_heal_before_the_vendor_is_asked(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(4) + 10 * MINUTE, 20)
    desk.execute("INSERT INTO market.feeds VALUES ('test', 60)")
    fill(desk, 1, missing=lost)
    insert(desk, 1, [Tick(time, n, Decimal(11), Decimal(1)) for n, time in enumerate(lost[:15])])
    give(vendor, "A", lost)
    report = monitor(desk, vendor)
    assert (report.candles_written, report.gaps_open) == (20, 0)
    assert made_by(desk, lost[:15]) == {("historical_aggregated", 1)}
    assert made_by(desk, lost[15:]) == {VENDORS}


def test_ticks_take_the_vendors_place_and_the_vendor_that_of_half_a_minute(
    desk: Connection, vendor: VendorServer
) -> None:
    whole, half = open_hour(4) + 10 * MINUTE, open_hour(4) + 20 * MINUTE
    desk.execute("INSERT INTO market.feeds VALUES ('test', 60)")
    fill(desk, 1, missing=[whole, whole + MINUTE], partial=[half])
    give(vendor, "A", minutes(open_hour(4)))
    report = monitor(desk, vendor)
    assert (report.candles_written, report.candles_revised) == (2, 1)
    assert made_by(desk, [whole, whole + MINUTE, half]) == {VENDORS}
    insert(desk, 1, [Tick(whole, 1, Decimal(11), Decimal(1))])
    assert monitor(desk, vendor).candles_revised == 1
    assert made_by(desk, [whole]) == {("historical_aggregated", 1)}
    assert made_by(desk, [whole + MINUTE, half]) == {VENDORS}


def test_what_lost_its_mark_is_held_against_its_ticks(desk: Connection) -> None:
    desk.execute("INSERT INTO market.feeds VALUES ('test', 60)")
    lost = open_hour(4) + 10 * MINUTE
    fill(desk, 1, missing=[lost])
    insert(desk, 1, [Tick(lost, 1, Decimal(11), Decimal(1))])
    desk.execute("TRUNCATE market.dirty")
    assert monitor(desk, None).candles_written == 0
    assert monitor(desk, None, verify_buckets=100_000).candles_written == 1
    assert made_by(desk, [lost]) == {("historical_aggregated", 1)}


def test_the_live_stretch_is_left_alone(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(11), 30) + minutes(open_hour(16), 30)
    fill(desk, 1, missing=lost)
    give(vendor, "A", lost)
    monitor_live(desk, NOW)
    before, known = snapshot(desk), ledger(desk)
    assert monitor(desk, vendor).vendor_days == 0
    assert (snapshot(desk), ledger(desk), vendor.requests) == (before, known, [])


def test_a_gap_into_the_live_stretch_heals_up_to_there(desk: Connection, vendor: VendorServer) -> None:
    days = [6, 9, 10, 11, 12]
    lost = [time for day in days for time in minutes(open_hour(day))]
    fill(desk, 1, missing=lost)
    give(vendor, "A", lost)
    monitor_live(desk, NOW - 2 * DAY)
    report = monitor(desk, vendor)
    assert sorted(asked(vendor)) == [("A", "03-06"), ("A", "03-09"), ("A", "03-10")]
    assert report.candles_written == 180
    # What is left belongs to the live stretch, and was never asked about.
    assert open_gaps(desk) == [(1, open_hour(11), open_hour(12) + HOUR, "instrument_silent", 0)]
    monitor(desk, vendor, NOW + DAY)
    monitor(desk, vendor, NOW + 2 * DAY)
    assert (open_gaps(desk), len(vendor.requests)) == ([], 5)


def test_a_gap_across_the_edge_that_nobody_can_fill_waits(desk: Connection, vendor: VendorServer) -> None:
    keep_market(desk, date(2025, 12, 1), date(2026, 4, 30), hours=2)
    lost = [time for day in (10, 11) for time in minutes(open_hour(day), 120)]
    fill(desk, 1, missing=lost)
    fill(desk, 2)
    at = NOW + 13 * HOUR
    whole = (1, open_hour(10), open_hour(11) + 2 * HOUR)
    monitor_live(desk, at - 2 * DAY)
    assert open_gaps(desk) == [(*whole, "instrument_silent", 0)]
    assert monitor(desk, vendor, at).gaps_backing_off == 1
    assert open_gaps(desk) == [(*whole, "instrument_silent", 1)]
    monitor_live(desk, at + MINUTE)
    assert monitor(desk, vendor, at + HOUR).vendor_days == 0
    assert monitor(desk, vendor, at + DAY).vendor_days == 2
    assert open_gaps(desk)[0] == (*whole, "unhealable", 2)
    assert asked(vendor) == [("A", "03-11"), ("A", "03-10")] * 2


def test_no_vendor_no_requests(desk: Connection, vendor: VendorServer) -> None:
    fill(desk, 1, missing=minutes(open_hour(4), 30))
    first = monitor(desk, None)
    known = ledger(desk)
    assert (first.gaps_found, first.gaps_open, first.vendor_days) == (1, 1, 0)
    assert not monitor(desk, None).changed
    assert ledger(desk) == known
    # Nor is a vendor asked for what it has no name of.
    desk.execute("DELETE FROM market.tickers")
    assert monitor(desk, vendor).vendor_days == 0
    assert (ledger(desk), vendor.requests) == (known, [])


def test_a_gap_of_later_times_is_not_open_yet(desk: Connection) -> None:
    fill(desk, 1, missing=minutes(open_hour(17), 30))
    assert monitor_live(desk, NOW).oldest_gap_hours == (NOW - open_hour(17)) / HOUR
    for report in (monitor_live(desk, open_hour(16)), monitor(desk, None, open_hour(16))):
        assert (report.gaps_open, report.oldest_gap_hours) == (0, 0)
    (feed,) = monitor_live(desk, open_hour(16)).feeds
    assert (feed.gaps_open, feed.oldest_gap_hours) == (0, 0)
    # An older one counts as before.
    desk.execute("DELETE FROM market.candles WHERE instrument_id = 1 AND time < %s", [open_hour(6) + 30 * MINUTE])
    desk.execute("UPDATE market.instruments SET listed_at = %s", [open_hour(6)])
    monitor(desk, None)
    assert monitor(desk, None, open_hour(9)).oldest_gap_hours == (open_hour(9) - open_hour(6)) / HOUR


def test_a_listing_before_the_first_candle_of_all_counts(desk: Connection, vendor: VendorServer) -> None:
    listed = datetime(2026, 2, 27, 14, tzinfo=UTC)
    instruments.add(desk, A_KEY, "HOUR", "test", listed_at=listed)
    fill(desk, 1)
    give(vendor, "A", minutes(listed - HOUR, 120))
    assert monitor(desk, vendor).candles_written == 60
    assert made_by(desk, minutes(listed)) == {VENDORS}


# What the vendor's silence says


def test_a_vendor_with_candles_explains_what_it_has_none_of(desk: Connection, vendor: VendorServer) -> None:
    halt = minutes(open_hour(4) + 10 * MINUTE, 30)
    fill(desk, 1, missing=halt)
    give(vendor, "A", [*halt[:5], open_hour(4) + 50 * MINUTE])
    report = monitor(desk, vendor)
    assert (report.candles_written, report.gaps_open, report.gaps_backing_off) == (5, 0, 0)
    assert history(desk) == [
        (1, halt[0], halt[-1] + MINUTE, "instrument_silent", "vendor_historical, no_trades"),
        (1, halt[5], halt[-1] + MINUTE, "no_trades", "no_trades"),
    ]
    evidence = desk.execute("SELECT evidence FROM market.gaps WHERE reason = 'no_trades'").fetchone()
    assert evidence == ({"vendor": "polygon", "candles_that_day": 6},)
    known = ledger(desk)
    for days in range(1, 4):
        assert not monitor(desk, vendor, NOW + days * DAY).changed
    monitor_live(desk, open_hour(5))
    assert [row for row in ledger(desk) if row[1] < open_hour(5)] == known
    assert len(vendor.requests) == 1


def test_what_a_vendor_has_and_what_its_silence_explains_is_written_together(
    desk: Connection, vendor: VendorServer
) -> None:
    halt = minutes(open_hour(4) + 10 * MINUTE, 30)
    fill(desk, 1, missing=halt)
    give(vendor, "A", [*halt[:29], open_hour(4) + 50 * MINUTE])
    desk.execute("ALTER TABLE market.gaps ADD CONSTRAINT nothing_explained CHECK (reason <> 'no_trades') NOT VALID")
    try:
        with pytest.raises(Permanent, match="nothing_explained"):
            monitor(desk, vendor)
    finally:
        desk.execute("ALTER TABLE market.gaps DROP CONSTRAINT nothing_explained")
    # With the others there, the one minute that is left would be a plausible silence, and no vendor's word.
    written = "SELECT count(*) FROM market.candles WHERE instrument_id = 1 AND time = ANY (%s)"
    assert desk.execute(written, [halt]).fetchone() == (0,)
    assert monitor(desk, vendor).candles_written == 29
    assert (1, halt[29], halt[29] + MINUTE, "no_trades", "no_trades") in history(desk)


def test_half_a_minute_that_the_vendor_lacks_stays_open(desk: Connection, vendor: VendorServer) -> None:
    half = open_hour(4) + 10 * MINUTE
    fill(desk, 1, missing=minutes(half + MINUTE, 20), partial=[half])
    give(vendor, "A", [open_hour(4)])
    assert monitor(desk, vendor).gaps_backing_off == 1
    assert open_gaps(desk) == [(1, half, half + MINUTE, "unhealable", 1)]
    assert backing_off(desk) == [(half, 1, NOW + DAY, "candles, but not these")]
    assert [row[1:4] for row in history(desk) if row[3] == "no_trades"] == [
        (half + MINUTE, half + 21 * MINUTE, "no_trades")
    ]


@pytest.mark.long
def test_a_day_the_vendor_has_nothing_of_is_asked_for_ever_more_seldom(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(4))
    fill(desk, 1, missing=lost)
    desk.execute("UPDATE market.instruments SET delisted_at = %s", [NOW])
    monitor(desk, vendor)
    for attempts, days in enumerate([1, 3, 7, 15, 31, 63, 127, 191], start=1):
        assert backing_off(desk) == [(lost[0], attempts, NOW + days * DAY, "nothing")]
        assert monitor(desk, vendor, NOW + days * DAY - MINUTE, **AT_ONCE).vendor_days == 0
        assert monitor(desk, vendor, NOW + days * DAY, **AT_ONCE).vendor_days == 1
    assert open_gaps(desk) == [(1, lost[0], lost[-1] + MINUTE, "unhealable", 9)]
    give(vendor, "A", lost)
    later = monitor(desk, vendor, NOW + 300 * DAY, **AT_ONCE)
    assert (later.candles_written, later.gaps_filled, later.gaps_open) == (60, 1, 0)


def test_split_and_merged_gaps_keep_attempts_and_back_off(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(4), 40)
    fill(desk, 1, missing=lost)
    monitor(desk, vendor)
    monitor(desk, vendor, NOW + DAY)
    until = NOW + 3 * DAY
    assert backing_off(desk) == [(lost[0], 2, until, "nothing")]
    # Ticks come in for the middle of it: it splits.
    desk.execute("INSERT INTO market.feeds VALUES ('test', 60)")
    insert(desk, 1, [Tick(time, n, Decimal(11), Decimal(1)) for n, time in enumerate(lost[18:22])])
    assert monitor(desk, vendor, NOW + 2 * DAY).vendor_days == 0
    assert backing_off(desk) == [(lost[0], 2, until, "nothing"), (lost[22], 2, until, "nothing")]
    assert {row[3] for row in open_gaps(desk)} == {"unhealable"}
    # They are cancelled: it is one again.
    desk.execute("UPDATE market.ticks SET cancelled = true")
    assert monitor(desk, vendor, NOW + 2 * DAY + HOUR).vendor_days == 0
    ((starts, attempts, waits, _),) = backing_off(desk)
    assert (starts, attempts, waits) == (lost[0], 2, until)
    assert len(vendor.requests) == 2
    assert monitor(desk, vendor, until).gaps_backing_off == 1
    assert open_gaps(desk) == [(1, lost[0], lost[-1] + MINUTE, "unhealable", 3)]


def test_a_gap_over_a_weekend_asks_for_open_days_alone(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(6) + 30 * MINUTE, 30) + minutes(open_hour(9)) + minutes(open_hour(10), 10)
    fill(desk, 1, missing=lost)
    give(vendor, "A", [*lost[:30], *lost[40:]])
    assert monitor(desk, vendor).gaps_found == 1
    assert asked(vendor) == [("A", "03-10"), ("A", "03-09"), ("A", "03-06")]
    assert (made_by(desk, lost[40:]), open_gaps(desk)) == ({VENDORS}, [])
    assert [row[1:3] for row in history(desk) if row[3] == "no_trades"] == [(lost[30], lost[39] + MINUTE)]


def test_a_day_nobody_has_in_a_gap_of_several(desk: Connection, vendor: VendorServer) -> None:
    fill(desk, 1, missing=[time for day in (3, 4, 5) for time in minutes(open_hour(day))])
    give(vendor, "A", minutes(open_hour(3)) + minutes(open_hour(5)))
    assert monitor(desk, vendor).candles_written == 120
    assert open_gaps(desk) == [(1, open_hour(4), open_hour(4) + HOUR, "unhealable", 1)]


def test_a_silence_that_only_what_was_filled_makes_implausible_does_not_back_off(
    desk: Connection, vendor: VendorServer
) -> None:
    """What a look after the vendor's answer finds anew has not been asked about, so it does not back off."""
    lost, short = minutes(open_hour(4), 20), [open_hour(4) + 40 * MINUTE]
    fill(desk, 1, missing=[*lost, *short])
    vendor.give("A", *(bar(time, o=1, h=1, l=1, c=1, v=1, n=100_000) for time in lost))
    report = monitor(desk, vendor)
    assert report.gaps_backing_off == 0
    assert open_gaps(desk) == [(1, short[0], short[0] + MINUTE, "instrument_silent", 0)]
    assert monitor(desk, vendor, NOW + DAY).gaps_open == 0


# Bounded work


def test_no_more_days_are_asked_for_than_allowed(desk: Connection, vendor: VendorServer) -> None:
    lost = [time for day in (3, 4, 5, 6, 9) for time in minutes(open_hour(day))]
    fill(desk, 1, missing=lost)
    give(vendor, "A", minutes(open_hour(9)) + minutes(open_hour(3)))
    report = monitor(desk, vendor, most_vendor_days=2)
    assert (report.vendor_days, report.vendor_days_left, report.gaps_backing_off) == (2, 3, 0)
    # The part that was asked about in vain is remembered, and not asked about again.
    again = monitor(desk, vendor, NOW + HOUR, most_vendor_days=2)
    assert (again.vendor_days, again.vendor_days_left, again.gaps_backing_off) == (2, 1, 0)
    last = monitor(desk, vendor, NOW + DAY, most_vendor_days=2)
    assert (last.vendor_days, last.vendor_days_left, last.gaps_backing_off) == (1, 0, 1)
    assert asked(vendor) == [("A", f"03-{day:02}") for day in (9, 6, 5, 4, 3)]
    assert backing_off(desk) == [(open_hour(4), 1, NOW + 2 * DAY, "nothing")]
    assert open_gaps(desk) == [(1, open_hour(4), open_hour(6) + HOUR, "unhealable", 1)]
    # Then it is asked about whole.
    assert monitor(desk, vendor, NOW + 2 * DAY).vendor_days == 3


def test_what_was_tried_less_comes_first(desk: Connection, vendor: VendorServer) -> None:
    desk.execute(
        "DELETE FROM market.candles WHERE instrument_id = 2 AND time >= %s AND time < %s",
        [
            open_hour(3),
            open_hour(3) + HOUR,
        ],
    )
    fill(desk, 1, missing=minutes(open_hour(9)))
    monitor(desk, vendor, most_vendor_days=1)
    monitor(desk, vendor, NOW + DAY, most_vendor_days=1)
    monitor(desk, vendor, NOW + 2 * DAY, most_vendor_days=1)
    assert asked(vendor) == [("A", "03-09"), ("B", "03-03"), ("A", "03-09")]


def twelve_weeks(connection: Connection, missing: Collection[datetime]) -> None:
    fill(connection, 1, first=date(2025, 12, 22), missing=missing)
    fill(connection, 2, first=date(2025, 12, 22))


@pytest.mark.long
def test_a_run_without_time_goes_on_the_next_day(desk: Connection, vendor: VendorServer) -> None:
    """Twelve weeks of history, and time for a few of them a day."""
    lost = {week: minutes(datetime(2026, 2, 25, 14, tzinfo=UTC) - week * WEEK, 30) for week in range(9)}
    twelve_weeks(desk, [time for times in lost.values() for time in times])
    give(vendor, "A", [time for times in lost.values() for time in times])
    weeks_left: list[int] = []
    resumed_at: list[Any] = []
    for day in range(3):
        left = iter([True] * 5)
        report = monitor(
            desk, vendor, NOW + day * DAY, has_time=lambda seconds, left=left: seconds < 300 or next(left, False)
        )
        weeks_left.append(report.weeks_left)
        resumed_at += [at for (at,) in desk.execute("SELECT resume_at FROM market.scans")]
    assert weeks_left[0] > weeks_left[1] > weeks_left[2] == 0
    assert resumed_at[0] > resumed_at[1]
    assert resumed_at[2] is None
    assert monitor(desk, vendor, NOW + 3 * DAY).gaps_open == 0
    assert made_by(desk, [time for times in lost.values() for time in times]) == {VENDORS}
    (stretch,) = desk.execute("SELECT starts, ends FROM market.scans").fetchall()
    assert stretch == (datetime(2025, 12, 22, 14, tzinfo=UTC), BEYOND + 3 * DAY)


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("stage", range(8))
def test_time_may_run_out_at_any_stage(desk: Connection, vendor: VendorServer, stage: int) -> None:
    lost = minutes(open_hour(4), 30) + minutes(open_hour(9), 30)
    fill(desk, 1, missing=lost)
    desk.execute("INSERT INTO market.feeds VALUES ('test', 60)")
    insert(desk, 1, [Tick(lost[0], 1, Decimal(11), Decimal(1))])
    give(vendor, "A", lost[:20] + lost[30:])
    left = iter([True] * stage)
    monitor(desk, vendor, has_time=lambda seconds: next(left, False))
    monitor(desk, vendor)
    assert made_by(desk, lost[1:20] + lost[30:]) == {VENDORS}
    assert made_by(desk, lost[:1]) == {("historical_aggregated", 1)}
    assert open_gaps(desk) == []
    assert sorted(asked(vendor)) == [("A", "03-04"), ("A", "03-09")]
    assert not monitor(desk, vendor).changed


def test_candles_nobody_counted_are_not_taken_for_missing(desk: Connection, vendor: VendorServer) -> None:
    fill(desk, 1)
    report = monitor(desk, vendor, has_time=lambda seconds: False)
    # What is not counted tells of no week yet.
    assert (report.pieces_left, report.weeks_left, report.gaps_found) == (1, 0, 0)
    assert (ledger(desk), vendor.requests) == ([], [])


class Killed(BaseException):
    """The process dies here."""


PLACES: dict[str, tuple[Any, str, bool]] = {
    "after a day is written": (vendor_days, "explain_quiet", False),
    "after a day is explained": (vendor_days, "explain_quiet", True),
    "before the second look": (watch_historical_gaps, "look_again", False),
    "before gaps back off": (vendor_days, "back_off", False),
    "after gaps back off": (vendor_days, "back_off", True),
    "after the first look": (watch_historical_gaps, "look", True),
}


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("place", PLACES)
def test_a_killed_run_is_put_right_by_the_next(
    desk: Connection, vendor: VendorServer, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    lost = [time for day in (3, 4, 5) for time in minutes(open_hour(day), 40)]

    def scene() -> None:
        fill(desk, 1, missing=lost, partial=[open_hour(5) + 50 * MINUTE])
        vendor.candles["A"].clear()
        give(vendor, "A", lost[:30] + lost[85:])

    scene()
    monitor(desk, vendor)
    whole, known, healed = snapshot(desk), open_gaps(desk), minutes_healed(desk)
    assert {row[3] for row in open_gaps(desk)} == {"unhealable"}
    desk.execute(_EMPTY)
    set_scene(desk)
    scene()
    where, name, after = PLACES[place]
    usual = getattr(where, name)

    def killed(*arguments: Any, **more: Any) -> None:
        if after:
            usual(*arguments, **more)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, name, killed)
        with pytest.raises(Killed):
            monitor(desk, vendor)
    # Retried, or after its time.
    monitor(desk, vendor, NOW + HOUR if after else NOW)
    assert snapshot(desk) == whole
    assert (open_gaps(desk), minutes_healed(desk)) == (known, healed)


def minutes_healed(connection: Connection) -> list[Row]:
    """The stretches that history tells of, explained or not, however many rows they take."""
    return connection.execute(
        "SELECT instrument_id, reason = 'no_trades', range_agg(tstzrange(starts, ends))::text FROM market.gaps"
        " WHERE healed_at IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()


# What goes wrong


class Context:
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture
def deployed(
    desk: Connection, vendor: VendorServer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """The handler, set up to ask the vendor for what A lacks: ticks of one minute are kept, the rest is its part."""
    fill(desk, 1, missing=minutes(open_hour(4), 30))
    desk.execute("INSERT INTO market.feeds VALUES ('test', 60)")
    insert(desk, 1, [Tick(open_hour(4), 1, Decimal(11), Decimal(1))])
    give(vendor, "A", minutes(open_hour(4)))
    settings = {
        "DATABASE_URL": database_url,
        "VENDOR": "polygon",
        "VENDOR_URL": vendor.url,
        "VENDOR_API_KEY": vendor.key,
        "VENDOR_TIMEOUT_SECONDS": "0.2",
        "VENDOR_DEADLINE_SECONDS": "0.3",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield desk
    handler.sandbox.close()


EVENT = {"scheduled_at": NOW.isoformat()}


def runs(connection: Connection) -> list[Row]:
    return connection.execute("SELECT status, attempts, error FROM market.runs ORDER BY scheduled_at").fetchall()


def test_the_handler_heals_and_says_what_it_did(
    deployed: Connection, vendor: VendorServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = io.StringIO()
    (output,) = handler.telemetry.logger.handlers
    assert isinstance(output, logging.StreamHandler)
    before = output.setStream(lines)
    try:
        report = handler(EVENT, Context())
    finally:
        output.setStream(before)
    assert (report["candles_written"], report["vendor_days"], report["gaps_open"]) == (30, 1, 0)
    assert runs(deployed) == [("succeeded", 1, None)]
    printed = capsys.readouterr().out
    (metrics,) = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    assert (metrics["CandlesWritten"], metrics["VendorDays"], metrics["GapsOpen"]) == ([30], [1], [0])
    assert "run succeeded" in lines.getvalue()
    assert vendor.key not in printed + lines.getvalue()
    # The schedule's own event, of another time, finds nothing to look through.
    event = json.loads((REPO / "events" / "historical_gap_monitor.json").read_text())
    assert handler(event, Context())["weeks_left"] == 0


UNSET: dict[str, str | None] = {"VENDOR_API_KEY": None}


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(
    ("environment", "fault", "error", "message"),
    [
        pytest.param(UNSET, None, Permanent, "no key for the vendor is named", id="no key"),
        pytest.param({"VENDOR_API_KEY": "wrong-key"}, None, Permanent, "refused the key for A: 401", id="wrong key"),
        pytest.param({}, refuse(403), Permanent, "refused the key for A: 403", id="forbidden"),
        pytest.param(
            {}, alter(lambda page: page | {"results": [row | {"t": row["t"] - 86_400_000} for row in page["results"]]}),
            Permanent, "polygon", id="another day",
        ),
        pytest.param({}, cut_off, Retryable, "polygon", id="cut off"),
        pytest.param({}, refuse(429), Retryable, "429", id="too many"),
        pytest.param({}, refuse(429, retry_after="3600"), Retryable, "3600", id="much too many"),
        pytest.param({}, hang_up, Retryable, "polygon", id="silent"),
        pytest.param({"VENDOR_URL": "http://127.0.0.1:1"}, None, Retryable, "polygon", id="down"),
    ],
)  # fmt: skip
def test_a_vendor_in_trouble_costs_nothing_else(
    deployed: Connection,
    vendor: VendorServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str | None],
    fault: Fault | None,
    error: type[ChandleryError],
    message: str,
) -> None:
    with monkeypatch.context() as trouble:
        for name, value in environment.items():
            trouble.delenv(name) if value is None else trouble.setenv(name, value)
        if fault is not None:
            vendor.fault(fault, always=True)
        with pytest.raises(error, match=message) as raised:
            handler(EVENT, Context())
    # Ticks and ledger are done.
    assert made_by(deployed, [open_hour(4)]) == {("historical_aggregated", 1)}
    assert open_gaps(deployed) == [(1, open_hour(4) + MINUTE, open_hour(4) + 30 * MINUTE, "instrument_silent", 0)]
    ((status, _, said),) = runs(deployed)
    assert (status, said) == ("failed", str(raised.value))
    # The row tells of both.
    ((counts,),) = deployed.execute("SELECT counts FROM market.runs").fetchall()
    assert [counts[name] for name in ("candles_written", "gaps_found", "gaps_open", "vendor_days")] == [1, 1, 1, 0]
    printed = capsys.readouterr().out
    assert '"Failures":[1.0]' in printed.replace(" ", "")
    for key in (vendor.key, "wrong-key"):
        assert key not in said + printed
    # The same event again, once all is well.
    vendor.heal()
    assert handler(EVENT, Context())["candles_written"] == 29
    assert [row[0] for row in runs(deployed)] == ["succeeded"]
    assert open_gaps(deployed) == []


def test_an_unknown_ticker_costs_that_instrument_alone(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(4), 30) + minutes(open_hour(6), 30)
    fill(desk, 1, missing=lost)
    desk.execute("DELETE FROM market.candles WHERE instrument_id = 2 AND time = ANY (%s)", [lost])
    del vendor.candles["A"]
    give(vendor, "B", lost)
    report = monitor(desk, vendor)
    assert (report.candles_written, report.vendor_days, report.gaps_backing_off) == (60, 4, 2)
    assert backing_off(desk) == [
        (lost[0], 1, NOW + DAY, "unknown ticker A"),
        (lost[30], 1, NOW + DAY, "unknown ticker A"),
    ]
    assert {row[:1] + row[3:] for row in open_gaps(desk)} == {(1, "unhealable", 1)}
    assert asked(vendor) == [("A", "03-06"), ("B", "03-06"), ("B", "03-04")]
    # Its ticker is put right.
    give(vendor, "A", lost)
    assert monitor(desk, vendor, NOW + DAY).gaps_open == 0


def test_an_answer_that_cannot_be_true_costs_that_instrument_alone(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(4), 30)
    fill(desk, 1, missing=lost)
    desk.execute("DELETE FROM market.candles WHERE instrument_id = 2 AND time = ANY (%s)", [lost])
    give(vendor, "B", lost)
    vendor.give("A", bar(lost[0], o=5, h=1, l=9, c=5))
    with pytest.raises(Permanent):
        monitor(desk, vendor)
    assert made_by(desk, lost, instrument_id=2) == {VENDORS}
    assert open_gaps(desk) == [(1, lost[0], lost[-1] + MINUTE, "instrument_silent", 0)]


def test_a_vendor_that_fails_on_its_way_loses_nothing(desk: Connection, vendor: VendorServer) -> None:
    lost = [time for day in (3, 4, 5, 6) for time in minutes(open_hour(day))]
    fill(desk, 1, missing=lost)
    give(vendor, "A", minutes(open_hour(3)) + minutes(open_hour(6)))
    empty = alter(lambda page: page)
    vendor.fault(empty, empty, *[refuse(500)] * 10)
    with pytest.raises(Retryable) as raised:
        monitor(desk, vendor)
    done = raised.value.report
    assert isinstance(done, HistoricalGapReport)
    assert (done.candles_written, done.vendor_days, done.vendor_days_left, done.gaps_open) == (60, 2, 2, 1)
    assert made_by(desk, minutes(open_hour(6))) == {VENDORS}
    assert [row[1:] for row in open_gaps(desk)] == [(open_hour(3), open_hour(5) + HOUR, "instrument_silent", 0)]
    vendor.heal()
    vendor.requests.clear()
    monitor(desk, vendor)
    assert asked(vendor) == [("A", "03-04"), ("A", "03-03")]
    assert [row[1:] for row in open_gaps(desk)] == [(open_hour(4), open_hour(5) + HOUR, "unhealable", 1)]


def test_after_a_few_refusals_nobody_else_is_asked(desk: Connection, vendor: VendorServer) -> None:
    lost = minutes(open_hour(4), 30)
    fill(desk, 1, missing=lost)
    for number in range(5):
        instruments.add(desk, f"X@{number}@EQ", "HOUR", "test", tickers={"polygon": str(number)})
        fill(desk, 3 + number, missing=lost)
    vendor.fault(refuse(403), always=True)
    with pytest.raises(Permanent, match="refused the key for A: 403"):
        monitor(desk, vendor)
    assert len(vendor.requests) == 3
    with pytest.raises(Permanent, match="refused the key for A: 403"):
        monitor(desk, vendor, most_refusals=1)
    assert len(vendor.requests) == 4


# How weeks are cut


def weeks_between(connection: Connection, starts: datetime, ends: datetime) -> Sequence[Window]:
    """Those of a share that is due all the while."""
    shares = scans.plan_shares(connection, 10)
    return [
        week.window
        for week in scans.plan_weeks(connection, CANDLES, Window(starts, ends), shares, floor_week(ends) - WEEK)
    ]


def test_weeks_reach_back_from_the_newest_and_meet(desk: Connection) -> None:
    starts, ends = datetime(2026, 1, 14, 9, tzinfo=UTC), datetime(2026, 3, 11, 2, tzinfo=UTC)
    desk.execute("UPDATE market.instruments SET listed_at = %s", [starts - WEEK])
    weeks = weeks_between(desk, starts, ends)
    assert (weeks[0].ends, weeks[-1].starts) == (ends, starts)
    assert all(older.ends == newer.starts for newer, older in pairwise(weeks))
    assert all(week.starts.weekday() == 0 and week.starts == week.starts.replace(hour=0) for week in weeks[:-1])
    assert WEEK <= weeks[0].ends - weeks[0].starts < 2 * WEEK
    assert all(week.ends - week.starts == WEEK for week in weeks[1:-1])
    ends = datetime(2026, 3, 9, tzinfo=UTC)  # a Monday
    for hours in (1, 50, 24 * 7, 24 * 14, 24 * 15):
        weeks = weeks_between(desk, ends - hours * HOUR, ends)
        assert sum((week.ends - week.starts for week in weeks), timedelta()) == hours * HOUR
        assert len(weeks) == max(1, -(-hours // (24 * 7)))
