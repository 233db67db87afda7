"""What every question is held against, whoever asks."""

from datetime import date, datetime

from chandlery.platform.domain.limits import PAGE_ROWS
from chandlery.platform.errors import Refused
from chandlery.words.window import OutOfOrder, require_order


def check_limit(limit: int, most: int = PAGE_ROWS) -> None:
    """Refuse a page of no row, or of too many.

    Raises:
        Refused: it is one.
    """
    if not 1 <= limit <= most:
        raise Refused("limit", f"limit is {limit}; give a number from 1 to {most:,}")


def check_order(starts: date | None, ends: date | None, now: datetime | None = None) -> None:
    """Refuse a stretch that does not end after it starts; one without an end ends `now`, where that is given.

    Raises:
        Refused: it does not.
    """
    closes = ends or now
    try:
        require_order(starts, closes)
    except OutOfOrder:
        named = "to" if ends else "now,"
        raise Refused("from", f"from {_described(starts)} is not before {named} {_described(closes)}") from None


def _described(moment: date | None) -> str:
    return moment.isoformat() if moment else ""
