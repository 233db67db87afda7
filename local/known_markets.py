"""What is known of markets beyond the `exchange_calendars` library: other names, daily halts, the week of FX."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from chandlery.reference.domain.session import Calendar, Session

FX = "FX"

# Names people use for calendars that keep the same hours; the library has some of its own.
OTHER_NAMES = {
    "NSE": "XBOM",
    "XNSE": "XBOM",
    "AMEX": "XNYS",
    "ARCA": "XNYS",
    "GLOBEX": "CMES",
    "EUREX": "XEUR",
    "XETRA": "XETR",
    "SZSE": "XSHG",
    "XSHE": "XSHG",
    "KRX": "XKRX",
    "SGX": "XSES",
    "TWSE": "XTAI",
    "MOEX": "XMOS",
    "JSE": "XJSE",
    "NZX": "XNZE",
    "BMV": "XMEX",
    "B3": "BVMF",
    "TADAWUL": "XSAU",
    "CRYPTO": "24/7",
    "FOREX": FX,
}

# Of the library, and not to be used: why, and what to do instead.
REFUSED = {
    "us_futures": "it lacks the daily halt of US futures; use CMES",
    # Four compute Easter in a way that pandas 3 refuses; the last has special hours on days without a session.
    **dict.fromkeys(
        ("ASEX", "XBEL", "XBSE", "XCYS", "XTAE"),
        "this release of exchange_calendars fails to compute it; import the exchange's own sessions:"
        " chandlery sessions import FILE --calendar NAME --time-zone ZONE",
    ),
}

ADVICE = {
    "24/5": "24/5 opens on Monday at 00:00 UTC; a market whose week opens on Sunday evening in New York, as foreign"
    " exchange does, keeps the calendar FX",
}

_NEW_YORK, _FX_TURNS_OVER = ZoneInfo("America/New_York"), time(17)
_FX_CLOSED = {(1, 1), (12, 25)}
_SATURDAY = 5

_CHICAGO, _CMES_OPENS = ZoneInfo("America/Chicago"), time(17)
# The halt began at 16:15 until then.
_CMES_CLOSES_EARLIER = date(2015, 9, 21)


def with_halt(name: str, session: Session) -> Session:
    """A session as its market keeps it: the library lets those of CMES go on through the daily halt.

    CME's contracts are open from 17:00 to 16:00 in Chicago, and to noon on some holidays, which the library knows.
    """
    closes = session.closes_at.astimezone(_CHICAGO)
    if name != "CMES" or closes.time() != _CMES_OPENS:
        return session
    halts = time(16, 15) if session.session_date < _CMES_CLOSES_EARLIER else time(16)
    closes_at = datetime.combine(closes.date(), halts, _CHICAGO).astimezone(UTC)
    return Session(session.session_date, session.opens_at, closes_at, session.breaks)


def fx_calendar(first: date, last: date) -> Calendar:
    """The week of foreign exchange: Sunday 17:00 to Friday 17:00 in New York, a session each 24 hours.

    A session bears the date on which it ends, so that Sunday evening belongs to Monday. Christmas and New Year's Day
    have none.
    """
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    sessions = tuple(
        Session(day, _turnover(day - timedelta(days=1)), _turnover(day))
        for day in days
        if day.weekday() < _SATURDAY and (day.month, day.day) not in _FX_CLOSED
    )
    return Calendar(FX, str(_NEW_YORK), first, last, sessions)


def other_names(calendar: str) -> Sequence[str]:
    """What else a calendar is called here."""
    return [name for name, meant in OTHER_NAMES.items() if meant == calendar]


def _turnover(day: date) -> datetime:
    return datetime.combine(day, _FX_TURNS_OVER, _NEW_YORK).astimezone(UTC)
