"""The expiries of an underlying, and which of them a question is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from chandlery.platform.errors import Refused
from chandlery.words.window import DAY

_SHOWN = 12


@dataclass(frozen=True)
class Expiry:
    """When contracts expire; `newest` is the newest minute that their strikes have a candle of."""

    expiry: date
    expires_at: datetime
    newest: datetime | None


def newest_minute(expiries: Sequence[Expiry]) -> datetime | None:
    """The newest minute of all; none where nothing was made of any."""
    return max((each.newest for each in expiries if each.newest), default=None)


def of_day(key: str, expiries: Sequence[Expiry], day: date) -> Sequence[Expiry]:
    """Those of a date: a morning's and an evening's may share it.

    Raises:
        Refused: no contract expires then; says when others do.
    """
    if chosen := [each for each in expiries if each.expiry == day]:
        return chosen
    days = sorted({each.expiry for each in expiries}, key=lambda other: abs(other - day))
    near = ", ".join(map(str, sorted(days[:_SHOWN])))
    more = f", and {len(days) - _SHOWN} more" if len(days) > _SHOWN else ""
    raise Refused("expiry", f"{key} has no contract that expires on {day}; there is: {near}{more}")


def alive(expiries: Sequence[Expiry], at: datetime) -> Sequence[Expiry]:
    """Those that had not expired a day before; all where all had."""
    return [each for each in expiries if each.expires_at > at - DAY] or expiries
