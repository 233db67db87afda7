"""How a time is written on the command line, and the clock that words such as `yesterday` are read by.

The clock is read once, when a command begins: all its times are of that moment. All days are those of UTC.

    2026-01-31T10:00:00Z, 2026-01-31T15:30+05:30   ISO 8601 with an offset
    2026-01-31                                     midnight of that day
    now                                            the moment the command began
    today, yesterday, tomorrow                     midnight of that day
    -1h, -7d, -1h30m, +2d                          that long before or after now; s m h d w
    today-7d, yesterday+9h15m, now-90s             that long before or after one of these words
"""

import re
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta

from chandlery.words.window import DAY

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# A minus of typography, too: it is what `chandlery explain KEY -5m` is handed on with.
MINUS = "\N{MINUS SIGN}"
_SHIFT = rf"(?P<sign>[-+{MINUS}])(?P<lengths>(?:[0-9]{{1,9}}[smhdw])+)"
_RELATIVE = re.compile(rf"(?P<word>now|today|yesterday|tomorrow)?(?:{_SHIFT})?")
NEGATIVE = re.compile(r"-(?:[0-9]+[smhdw])+")
_DAYS_ON = {"yesterday": -1, "today": 0, "tomorrow": 1}

_began: ContextVar[datetime] = ContextVar("began")


def begin(at: datetime) -> None:
    """Say when a command begins."""
    _began.set(at)


def began() -> datetime:
    """When this command began."""
    found = _began.get(None)
    if found is None:
        found = datetime.now(UTC)
        _began.set(found)
    return found


def moment_of(text: str, now: datetime) -> datetime:
    """The aware time that a text says, in UTC.

    Raises:
        ValueError: it says none; says how to write one.
    """
    if text and (relative := _RELATIVE.fullmatch(text)):
        return _relative(relative, now, text)
    try:
        if len(text) == len("2026-01-31"):
            return _midnight(date.fromisoformat(text))
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = f"; a time before now is -{text}" if NEGATIVE.fullmatch(f"-{text}") else ""
        raise ValueError(
            f"{text} is not a time; write it as 2026-01-31T10:00:00Z, 2026-01-31, -1h, yesterday or today-7d{hint}"
        ) from None
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone; write an offset or Z, as in {text}Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text} is not a time in UTC: its offset leads beyond the years 1 to 9999") from None


def day_of(text: str, now: datetime) -> date:
    """The date that a text says: a date, or a word for one, from which whole days may lead on.

    Raises:
        ValueError: it says none; says how to write one.
    """
    if text and (relative := _RELATIVE.fullmatch(text)):
        moment = _relative(relative, now, text)
        if relative["word"] in _DAYS_ON and moment == _midnight(moment.date()):
            return moment.date()
        if relative["word"] is None and re.fullmatch(r"(?:[0-9]+[dw])+", relative["lengths"]):
            return moment.date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is not a date; write it as 2026-01-31, yesterday, -7d or today-7d") from None


def _relative(found: re.Match[str], now: datetime, text: str) -> datetime:
    word = found["word"]
    base = _midnight(now.astimezone(UTC).date() + _DAYS_ON[word] * DAY) if word in _DAYS_ON else now.astimezone(UTC)
    if found["sign"] is None:
        return base
    length = timedelta()
    try:
        for count, unit in re.findall(r"([0-9]+)([smhdw])", found["lengths"]):
            length += timedelta(**{_UNITS[unit]: int(count)})
        return base + length if found["sign"] == "+" else base - length
    except OverflowError:
        raise ValueError(f"{text} is out of range: it leads beyond the years 1 to 9999") from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
