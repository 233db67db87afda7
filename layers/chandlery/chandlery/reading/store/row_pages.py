"""Rows of any data set a page at a time, as they stand or rolled up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.statements import run_with
from chandlery.reading.domain.summary import Rows
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window

Row = tuple[Any, ...]


@dataclass(frozen=True)
class RowsWanted:
    """Which rows of an instrument: the first or (`backward`) the newest `most` of a window.

    Attributes:
        where: what columns of the key are to hold, each as its kind is written.
        after: the order of the row that a page goes on from, written the same way; none for the first page.
    """

    timeframe: Timeframe | None
    window: Window
    where: Mapping[str, str]
    after: Mapping[str, str] | None
    backward: bool
    most: int


def read_page(connection: Connection, dataset: Rows, instrument_id: int, wanted: RowsWanted) -> Sequence[Row]:
    """Rows in order of time, then of what tells rows of one time apart: values as `Dataset.values` lists them.

    Raises:
        Retryable, Permanent: from the database.
    """
    timeframe = wanted.timeframe
    order = dataset.order(timeframe)
    lists = {
        "columns": ", ".join(f"{each.read} AS {each.name}" for each in dataset.values(timeframe)),
        "chosen": ", ".join(["instrument_id", *wanted.where]),
        "ordered": ", ".join(order),
        "opposite": ", ".join(f"{column} DESC" for column in order),
    }
    found = run_with(
        connection,
        dataset.name if timeframe is None else dataset.relation(timeframe),
        lists,
        "read_rows_page",
        instrument_id=instrument_id,
        starts=wanted.window.starts,
        ends=wanted.window.ends,
        backward=wanted.backward,
        where=Jsonb({"instrument_id": instrument_id, **wanted.where}),
        after=None if wanted.after is None else Jsonb(wanted.after),
        most=wanted.most,
    )
    # What the database can hold, Python need not: an infinite time.
    with psycopg_errors_translated():
        return found.fetchall()
