"""When rows of a data set are expected, and what is counted to see which are there."""

from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString

from chandlery.words.window import HOUR, MINUTE


@dataclass(frozen=True)
class Cadence:
    """How often a row is expected in open hours.

    Attributes:
        every: from the full hour on; a whole number of minutes, of which an hour is a multiple.
        counted: of the schema market, where each of its rows has an instrument_id, a time, partial, trades (null: not
            known) and a source; a view where the table has other columns.
        is_silence_plausible: whether a silence can be told from a gap by how often an instrument trades; where it
            cannot, each is a gap.
        assumed_silent: minutes of silence that count on top of those seen, where rows do not say how often an
            instrument trades: one that never was silent may be so for a minute, which is no gap.
        by: the dimensions whose values rows are expected of, each by itself; `market.parts` knows the instrument that
            stands for each, and `counted` has its rows. Empty: rows are expected of the whole instrument.
        tells_of_feeds: whether its rows tell since when an instrument and its feed live, and what was imported.
    """

    every: timedelta
    counted: LiteralString
    is_silence_plausible: bool = True
    assumed_silent: int = 0
    by: tuple[str, ...] = ()
    tells_of_feeds: bool = False

    def __post_init__(self) -> None:
        """Refuse what sixty bits an hour cannot say."""
        if self.every < MINUTE or self.every % MINUTE or HOUR % self.every:
            raise ValueError(f"an hour is no multiple of {self.every}")

    @property
    def minutes(self) -> str:
        """Of each hour those that have a row, as sixty bits, the first minute leftmost."""
        step = self.every // MINUTE
        return ("1" + "0" * (step - 1)) * (60 // step)
