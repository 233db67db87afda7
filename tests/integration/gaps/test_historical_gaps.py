"""The historical gap monitor: beyond 7 days, from ticks that are still kept, else from the vendor."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.gaps import watch_historical_gaps
from chandlery.gaps.store import scans, vendor_days
from chandlery.platform.errors import Permanent
from chandlery.reference.store import instruments
from chandlery.words.window import DAY, HOUR, WEEK, Window, floor_week
from tests.conftest import _EMPTY
from tests.integration.gaps.historical_scene import (
    A_KEY,
    AT_ONCE,
    BEYOND,
    NOW,
    VENDORS,
    Row,
    asked,
    backing_off,
    desk,
    fill,
    give,
    history,
    keep_market,
    ledger,
    made_by,
    minutes,
    monitor,
    monitor_live,
    open_gaps,
    open_hour,
    set_scene,
    vendor,
)
from tests.integration.market import MINUTE, insert, row_versions, snapshot
from tests.plain_fold import Tick
from tests.vendor_server import VendorServer, bar

__all__ = ["desk", "vendor"]

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
    # No extended hours and no minutes outside the gap are written, and no other candle is touched.
    assert set(before) <= set(snapshot(desk))
    assert len(snapshot(desk)) == len(before) + 20
    assert history(desk) == [(1, lost[0], lost[-1] + MINUTE, "instrument_silent", "vendor_historical")]
    assert asked(vendor) == [("A", "03-04")]
    # Again: nothing to do, nothing asked, nothing written.
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
    # A vendor is not asked for what it has no name of.
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
    """What a look after the vendor's answer finds first has not been asked about, so it does not back off."""
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
    # What is not counted makes no week yet.
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
    """The stretches in history, explained or not, however many rows they take."""
    return connection.execute(
        "SELECT instrument_id, reason = 'no_trades', range_agg(tstzrange(starts, ends))::text FROM market.gaps"
        " WHERE healed_at IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()


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
