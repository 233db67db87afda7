"""Data sets: kinds of rows that are kept over time, by instrument and minute."""

from dataclasses import dataclass, field
from typing import LiteralString, Self


@dataclass(frozen=True)
class Cadence:
    """When rows are expected in open hours.

    Attributes:
        minutes: of each hour those that have a row, as sixty bits, the first minute leftmost.
        is_silence_plausible: whether a silence can be told from a gap by how often an instrument trades; where it
            cannot, each is a gap.
    """

    minutes: str = "1" * 60
    is_silence_plausible: bool = True

    @classmethod
    def every(cls, minutes: int, *, is_silence_plausible: bool) -> Self:
        """A row each so many minutes, from the full hour on.

        Raises:
            ValueError: an hour is no multiple of so many minutes.
        """
        if not 0 < minutes <= 60 or 60 % minutes:
            raise ValueError(f"an hour is no multiple of {minutes} minutes")
        return cls(("1" + "0" * (minutes - 1)) * (60 // minutes), is_silence_plausible)


@dataclass(frozen=True)
class Dataset:
    """What the machinery has to know of a data set to keep it.

    Attributes:
        name: in the column `dataset` of all that is known of its rows, and in the arguments of its triggers.
        relation: of the schema market, where each of its rows has an instrument_id, a time, partial, trades (null: not
            known) and a source; a view where the table has other columns.
        cadence: when its rows are expected.
        is_indicated: whether indicators are stored of what is derived from it.
        tells_of_feeds: whether its rows tell since when an instrument and its feed live, and what was imported.
    """

    name: str
    relation: LiteralString
    cadence: Cadence = field(default_factory=Cadence)
    is_indicated: bool = False
    tells_of_feeds: bool = False


CANDLES = Dataset("candles", "candles", is_indicated=True, tells_of_feeds=True)
