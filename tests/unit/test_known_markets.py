"""Calendars as markets keep them: CME's daily halt, the week of FX, and the names that are offered."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from chandlery.platform.errors import Permanent
from chandlery.reference.domain.session import Session
from local import calendars
from local.known_markets import OTHER_NAMES, REFUSED

CHICAGO, NEW_YORK = ZoneInfo("America/Chicago"), ZoneInfo("America/New_York")


def local(session: Session, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a session opens and closes, in local time."""
    opens, closes = session.opens_at.astimezone(zone), session.closes_at.astimezone(zone)
    return opens.replace(tzinfo=None), closes.replace(tzinfo=None)


def test_cme_rests_for_an_hour_a_day() -> None:
    # Five weeks over the end of summer time, as the exchange has them; Thanksgiving and the day after close at noon.
    known = calendars.from_library("CMES", date(2026, 10, 26), date(2026, 12, 4)).sessions
    weekdays = [day for number in range(40) if (day := date(2026, 10, 26) + timedelta(days=number)).weekday() < 5]
    noon = {date(2026, 11, 26), date(2026, 11, 27)}
    assert {each.session_date: local(each, CHICAGO) for each in known} == {
        day: (
            datetime.combine(day - timedelta(days=1), time(17)),
            datetime.combine(day, time(12) if day in noon else time(16)),
        )
        for day in weekdays
    }


def test_cme_rested_for_less_before_it_closed_earlier() -> None:
    friday, monday = calendars.from_library("CME", date(2015, 9, 18), date(2015, 9, 21)).sessions
    assert [local(each, CHICAGO)[1].time() for each in (friday, monday)] == [time(16, 15), time(16)]


def test_the_week_of_fx_turns_over_at_five_in_new_york() -> None:
    known = calendars.from_library("FX", date(2026, 10, 19), date(2026, 11, 22)).sessions
    assert len(known) == 25
    assert {each.session_date.weekday() for each in known} == set(range(5))
    for each in known:
        opens, closes = local(each, NEW_YORK)
        assert (opens.time(), closes) == (time(17), datetime.combine(each.session_date, time(17)))
    # Summer time ends on Sunday, 1 November, before the week opens.
    assert [each.opens_at for each in known if each.session_date in (date(2026, 10, 26), date(2026, 11, 2))] == [
        datetime(2026, 10, 25, 21, tzinfo=UTC),
        datetime(2026, 11, 1, 22, tzinfo=UTC),
    ]


def test_fx_rests_at_christmas_and_new_year() -> None:
    known = calendars.from_library("FX", date(2026, 12, 21), date(2027, 1, 8)).sessions
    weekdays = {day for number in range(19) if (day := date(2026, 12, 21) + timedelta(days=number)).weekday() < 5}
    assert {each.session_date for each in known} == weekdays - {date(2026, 12, 25), date(2027, 1, 1)}


@pytest.mark.long
def test_every_calendar_that_is_offered_can_be_filled() -> None:
    for name in calendars.list_names():
        found = calendars.from_library(name, date(2026, 3, 2), date(2026, 3, 31))
        assert len(found.sessions) > 10, name


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_library_has_wrong_is_refused_with_advice(name: str) -> None:
    assert not calendars.offers(name)
    with pytest.raises(Permanent, match=f"the calendar {name} is not to be used: .*(use CMES|sessions import FILE)"):
        calendars.from_library(name, date(2026, 3, 1), date(2026, 4, 1))


def test_names_people_use_mean_calendars_that_are_offered() -> None:
    assert [calendars.resolve(name) for name in ("NSE", "XNSE", "nse", "NYSE", "forex")] == [
        "XBOM", "XBOM", "XBOM", "XNYS", "FX",
    ]  # fmt: skip
    offered = calendars.list_names()
    assert {*OTHER_NAMES.values()} <= {*offered}
    assert not {*OTHER_NAMES} & {*offered}
    assert {"NSE", "XNSE", "BSE"} == {*offered["XBOM"]}
