"""The expiries of an underlying, and which of them a question is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from chandlery.words.window import DAY


@dataclass(frozen=True)
class Expiry:
    """When contracts expire; `newest` is the newest minute that their strikes have a candle of."""

    expiry: date
    expires_at: datetime
    newest: datetime | None


def newest_minute(expiries: Sequence[Expiry]) -> datetime | None:
    """The newest minute of all; none where nothing was made of any."""
    return max((each.newest for each in expiries if each.newest), default=None)


def alive(expiries: Sequence[Expiry], at: datetime) -> Sequence[Expiry]:
    """Those that had not expired a day before; all where all had."""
    return [each for each in expiries if each.expires_at > at - DAY] or expiries
