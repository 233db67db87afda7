"""Only its own days are expected of imported history; a feed that ever was live is missed when it dies."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.find_gaps import count_hours
from chandlery.gaps.list_gaps import list_gaps
from chandlery.gaps.report_coverage import report_coverage
from chandlery.gaps.store import scans
from chandlery.gaps.store.scans import Share
from chandlery.health.domain.health import Health, judge
from chandlery.health.measure_health import measure_health
from chandlery.minutes.store import candles, imports
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.platform.errors import NotFound
from chandlery.reading.explain_minute import Verdict, explain_minute
from chandlery.reference.domain.session import Session
from chandlery.reference.store import feeds
from chandlery.vendors.domain.vendor import VendorCandle
from chandlery.words.window import DAY, MINUTE, Window, floor_hour
from tests.integration.gaps.test_gap_ledger import run_historical, run_live
from tests.integration.gaps.test_gap_reasons import add, at, days_of, fill
from tests.plain_gaps import Candle, find, imported_days, insert_candles, open_by_minute, read_instruments, read_open

KEY = "X@A@EQ"
# Open for an hour a day, from Monday to Friday, for 34 weeks.
WEEKS = 34
OPEN_HOURS = [each for place, each in enumerate(days_of(9, 10, days=7 * WEEKS)) if place % 7 < 5]
# Imported: three days, and 19 weeks later two with a lost one in between. Of each its first half hour.
IMPORTED = (0, 1, 2, 133, 135)
NOW = at(7 * WEEKS - 1, 12)


def half_hour(day: int) -> list[datetime]:
    return [at(day, 9) + place * MINUTE for place in range(30)]


def bring_in(connection: Connection, number: int, minutes: Iterable[datetime]) -> None:
    """As an import of candles does."""
    one = Decimal(1)
    columns = CandleColumns.of([VendorCandle(minute, one, one, one, one, one, trades=2) for minute in minutes])
    candles.write_vendor(connection, number, columns, imported=True)
    assert count_hours(connection, lambda: True) == 0


def send(connection: Connection, number: int, minutes: Iterable[datetime]) -> None:
    """As the live processor leaves what a feed sent."""
    insert_candles(connection, number, dict.fromkeys(minutes, Candle(trades=2)))
    assert count_hours(connection, lambda: True) == 0


def set_scene(connection: Connection) -> int:
    fill(connection, "day", OPEN_HOURS)
    number = add(connection, KEY, "day")
    bring_in(connection, number, [minute for day in IMPORTED for minute in half_hour(day)])
    return number


def coverage(connection: Connection, first: int, last: int) -> tuple[Sequence[Any], Sequence[str]]:
    """Expected, present, explained, missing and not judged minutes; the remarks."""
    report = report_coverage(connection, NOW, keys=[KEY], first=at(first, 0).date(), last=at(last, 0).date())
    days = report.days
    return [(d.expected, d.present, d.explained, d.missing, d.not_judged) for d in days], report.remarks


def test_of_imported_days_nothing_else_is_missed(connection: Connection) -> None:
    number = set_scene(connection)
    weeks = scans.plan_weeks(connection, CANDLES, Window(at(0, 0), NOW), [Share(1, 9), Share(10, 19)])
    assert [(week.window.starts, week.shares) for week in weeks] == [(at(d, 0), [Share(1, 9)]) for d in (133, 0)]
    run_historical(connection, NOW)
    shall = [
        (at(0, 9.5), at(0, 10)),
        (at(1, 9.5), at(1, 10)),
        (at(2, 9.5), at(2, 10)),
        # A day lost inside the import is missing.
        (at(133, 9.5), at(134, 10)),
        (at(135, 9.5), at(135, 10)),
    ]
    assert read_open(connection, number) == [(starts, ends, "feed_down") for starts, ends in shall]
    live = run_live(connection, NOW)
    assert (live.gaps_open, live.coverage_7d, live.minutes_not_judged, live.candles_behind_seconds) == (5, 1, 0, None)
    assert not run_historical(connection, NOW).changed
    # Beyond its days nothing is judged, and all say so.
    assert coverage(connection, 2, 3) == ([(60, 30, 0, 30, 0), (60, 0, 0, 0, 60)], coverage(connection, 3, 3)[1])
    (remark,) = coverage(connection, 3, 3)[1]
    assert remark.startswith(f"{KEY}: 60 minutes are not judged, and nothing is missed there")
    everyones = report_coverage(connection, NOW, first=at(2, 0).date(), last=at(3, 0).date())
    assert ([day.session_date for day in everyones.days], everyones.remarks) == ([at(2, 0).date()], [remark])
    with pytest.raises(NotFound, match="nothing is missed there"):
        report_coverage(connection, NOW, first=at(3, 0).date(), last=at(3, 0).date())
    told = explain_minute(connection, KEY, at(3, 9.25), NOW)
    assert told.verdict == Verdict.NOT_JUDGED
    assert told.sentence.endswith("if it should send: chandlery feeds set feed --live")
    assert list_gaps(connection, NOW).remarks == []
    newest = report_coverage(connection, NOW, keys=[KEY])
    assert (newest.first, newest.last) == (at(133, 0).date(), at(135, 0).date())
    verdict = judge(measure_health(connection, at(7 * WEEKS - 3, 9.5)))  # on a Friday, in session
    assert not {"feed feed", "candles of feed, day"} & {c.subject for c in verdict.causes if c.health != Health.HEALTHY}
    (said,) = [cause.says for cause in verdict.causes if cause.subject == "feed feed"]
    assert said == "all its data were imported, so it need not send; if it should: chandlery feeds set feed --live"
    assert [feed.live for feed in feeds.list_all(connection)] == [False]
    # An operator who says that it sends is heard.
    feeds.begin(connection, "feed", at(233, 9))
    run_live(connection, NOW)
    assert read_open(connection, number)[5:] == [(at(233, 9), at(235, 10), "feed_down")]
    assert [feed.live for feed in feeds.list_all(connection)] == [True]


def test_of_a_session_that_nobody_imported_no_evening_is_missed(connection: Connection) -> None:
    """Sessions begin at 23:00 UTC of the day before, as those of futures do."""
    fill(connection, "futures", [Session(at(d, 0).date(), at(d - 1, 23), at(d, 22), ()) for d in range(1, 5)])
    number = add(connection, KEY, "futures")
    bring_in(
        connection, number, [at(0, 23) + place * MINUTE for place in range(23 * 60) if place not in range(90, 120)]
    )
    # Out of session, days later: no more than its hour.
    bring_in(connection, number, [at(4, 22.5)])
    run_historical(connection, at(14, 12))
    # A week apart or less, it is one import.
    lost = [(at(1, 0.5), at(1, 1)), (at(1, 23), at(4, 22))]
    assert read_open(connection, number) == [(starts, ends, "feed_down") for starts, ends in lost]
    assert not connection.execute("SELECT 1 FROM market.instruments WHERE upper_inf(history)").fetchall()


def test_a_feed_that_went_live_is_missed_when_it_dies(connection: Connection) -> None:
    number = set_scene(connection)
    alive = [minute for day in (210, 211) for minute in (*half_hour(day), *(m + 30 * MINUTE for m in half_hour(day)))]
    send(connection, number, alive)
    # An import of the same days later takes nothing of that back.
    imports.record(connection, "ticks", [number], map(floor_hour, alive))
    run_live(connection, at(212, 12))
    assert read_open(connection, number) == [(at(212, 9), at(212, 10), "feed_down")]
    ((found_at,),) = connection.execute("SELECT found_at FROM market.gaps").fetchall()
    # For three weeks nobody runs, then both do: one gap, which grows, over closed hours and the monitors' windows.
    for now in (NOW - DAY, NOW):
        run_live(connection, now)
        run_historical(connection, now)
        assert read_open(connection, number)[5:] == [(at(212, 9), at(235, 10), "feed_down")]
    (row,) = connection.execute("SELECT minutes, found_at FROM market.gaps WHERE starts = %s", [at(212, 9)]).fetchall()
    assert row == (sum(each.opens_at >= at(212, 0) for each in OPEN_HOURS) * 60, found_at)
    # What lies between the imports and the feed's first candle is not judged.
    days, (remark, *_) = coverage(connection, 207, 212)
    assert days == [(60, 0, 0, 0, 60), (60, 60, 0, 0, 0), (60, 60, 0, 0, 0), (60, 0, 0, 60, 0)]
    assert "nobody imported these days, and the feed was not live then" in remark
    known = read_instruments(connection)
    assert open_by_minute(connection, known[number], number) == find(known, Window(at(0, 0), NOW))[number]


def test_who_brought_what_is_noted_by_imports(connection: Connection) -> None:
    """Random hours, imported or sent, in any order."""
    chance = Random(5)
    fill(connection, "always", days_of(0, 24, days=60))
    for place in range(6):
        number = add(connection, f"X@{place}@EQ", "always", f"feed {place}")
        since, days = None, set[datetime]()
        for _ in range(6):
            hour = at(chance.randrange(60), chance.randrange(24))
            kind = chance.choice(["candles", "ticks", "sent"])
            if kind == "candles":
                bring_in(connection, number, [hour])
            else:
                if kind == "ticks":
                    imports.record(connection, "ticks", [number], [hour])
                send(connection, number, [hour + 20 * MINUTE])
            if kind == "sent":
                since = min(hour, since or hour)
            elif since is None or hour < since:
                days.add(hour)
        ((found, history),) = connection.execute(
            "SELECT live_since, history FROM market.instruments WHERE instrument_id = %s", [number]
        ).fetchall()
        assert found == since
        assert [Window(part.lower, part.upper) for part in history] == imported_days(days)
