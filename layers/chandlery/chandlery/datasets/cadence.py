"""When rows of a data set are expected, and what is counted to see which are there."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString

from chandlery.words.window import DAY, HOUR, MINUTE

_MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cadence:
    """How often a row is expected in open hours.

    Attributes:
        every: from the full hour on; a whole number of minutes, of which an hour is a multiple. None: an operator sets
            it, for a value of the dimension `by` (`market.cadences`).
        counted: of the schema market, where each of its rows has an instrument_id, a time, partial, trades (null: not
            known) and a source; a view where the table has other columns.
        is_silence_plausible: whether a silence can be told from a gap by how often an instrument trades; where it
            cannot, each is a gap.
        assumed_silent: minutes of silence that count on top of those seen, where rows do not say how often an
            instrument trades: one that never was silent may be so for a minute, which is no gap.
        by: the dimensions whose values rows are expected of, each by itself; `market.parts` knows the instrument that
            stands for each, and `counted` has its rows. Empty: rows are expected of the whole instrument.
        shows_feeds: whether its rows tell since when an instrument and its feed live, and what was imported.
    """

    every: timedelta | None
    counted: LiteralString
    is_silence_plausible: bool = True
    assumed_silent: int = 0
    by: tuple[str, ...] = ()
    shows_feeds: bool = False

    def __post_init__(self) -> None:
        """Refuse what sixty bits an hour cannot say."""
        if self.every is None:
            if len(self.by) != 1 or self.is_silence_plausible or self.shows_feeds:
                raise ValueError("an operator sets it by one dimension, and no silence is plausible then")
        elif self.every < MINUTE or self.every % MINUTE or HOUR % self.every:
            raise ValueError(f"an hour is no multiple of {self.every}")

    @property
    def is_set(self) -> bool:
        """Whether an operator sets it, for each source that is to have one."""
        return self.every is None

    @property
    def work(self) -> str:
        """The work for which hours of rows are marked, to be counted."""
        return "beat" if self.is_set else "count"

    @property
    def minutes(self) -> str:
        """Of each hour those that have a row, as sixty bits, the first minute leftmost.

        All of them where an operator sets it: a beat with a row has one in each of its minutes, as presence keeps it.
        """
        step = (self.every or MINUTE) // MINUTE
        return ("1" + "0" * (step - 1)) * (60 // step)


def next_beat(every: timedelta, moment: datetime) -> datetime:
    """Where the first beat begins that does so at a moment, an aware one, or after it."""
    return moment + (_MIDNIGHT - moment) % every


def require_beat(every: timedelta) -> timedelta:
    """The same, if it can be the beat of a source: beats are counted from midnight UTC, and from the full hour.

    Raises:
        ValueError: it cannot.
    """
    is_part = every >= MINUTE and not every % MINUTE and not HOUR % every
    is_multiple = not every % HOUR and HOUR <= every <= DAY and not DAY % every
    if not (is_part or is_multiple):
        raise ValueError("a cadence divides an hour in whole minutes, as 15m, or a day in whole hours, as 6h or 1d")
    return every
