"""Dirty marks: which minutes have ticks that changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.platform.statements import read_rows, run
from chandlery.words.window import Window


@dataclass(frozen=True)
class Piece:
    """A window of whole minutes that one transaction can do; a dense one is a single minute, read whole."""

    starts: datetime
    ends: datetime
    dense: bool

    @property
    def window(self) -> Window:
        """The piece's stretch of time."""
        return Window(self.starts, self.ends)


def plan_pieces(connection: Connection, dataset: Dataset, due: Window, candles: int) -> Sequence[Piece]:
    """A data set's due marks as pieces of about `candles` candles each, the newest first."""
    return read_rows(
        connection, Piece, "plan_pieces", dataset=dataset.name, starts=due.starts, ends=due.ends, candles=candles
    )


def count_future(connection: Connection, dataset: Dataset, latest: datetime) -> int:
    """How many marks lie beyond `latest`."""
    row = run(connection, "count_future_marks", dataset=dataset.name, latest=latest).fetchone()
    return int(row[0]) if row else 0


def find_unaggregated(
    connection: Connection, dataset: Dataset, window: Window, candles: int
) -> tuple[list[int], list[datetime]]:
    """Instruments and minutes with ticks but neither candle nor mark, the newest first: two lists of one length."""
    values = {"dataset": dataset.name, "starts": window.starts, "ends": window.ends, "candles": candles}
    found = run(connection, "find_unaggregated", **values).fetchall()
    return [instrument_id for instrument_id, _ in found], [bucket for _, bucket in found]


def find_waiting(connection: Connection, due: Window) -> tuple[datetime | None, datetime | None]:
    """The oldest minute in a window that is not aggregated, and the oldest before the window."""
    row = run(connection, "find_waiting_marks", starts=due.starts, ends=due.ends).fetchone()
    return (row[0], row[1]) if row else (None, None)


def count_waiting(connection: Connection, ends: datetime) -> tuple[int, datetime | None]:
    """Minutes due by `ends` and not aggregated, over all time, and the oldest of them."""
    row = run(connection, "count_waiting_marks", ends=ends).fetchone()
    return (row[0], row[1]) if row else (0, None)
