"""Stored indicators, and the marks of what is to be computed. Needs numpy, as only the historical processor does."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from chandlery.datasets.candles import CANDLES
from chandlery.platform.connection import transaction
from chandlery.platform.errors import Retryable, psycopg_errors_translated
from chandlery.platform.number_arrays import Real, Whole, number_cursor
from chandlery.platform.statements import read_rows, run, statement
from chandlery.words.timeframe import Timeframe

_UNITS: Mapping[Timeframe | None, str] = {Timeframe.W1: "week", Timeframe.MO1: "month"}
# Rows of one statement: some seconds of a server.
_ROWS = 50_000


@dataclass(frozen=True)
class MarkedPiece:
    """Marked hours that one transaction can do: of each instrument those from `starts` to `ends`, both included.

    `untils` is where an instrument's next piece starts; none where there is none.
    """

    instrument_ids: list[int]
    starts: list[datetime]
    ends: list[datetime]
    untils: list[datetime | None]


@dataclass(frozen=True)
class MarkedHour:
    """An instrument's hour to compute; of one timeframe, or, where that is empty, of all."""

    instrument_id: int
    hour: datetime
    timeframe: str


@dataclass(frozen=True)
class StoredValues:
    """Stored values of one indicator, as arrays of one length, in the order of their stretches and of time.

    Attributes:
        stretches: the place of the stretch of each.
        times: in seconds since 1970.
        made_from: likewise.
        outputs: as many as the table has columns; NaN for null.
    """

    stretches: NDArray[np.int64]
    times: NDArray[np.int64]
    made_from: NDArray[np.int64]
    outputs: Sequence[NDArray[np.float64]]


def find_kept_from(connection: Connection, at: datetime, keep: timedelta) -> datetime:
    """From where on indicators are kept up at a moment, if retention keeps them so long."""
    row = run(connection, "find_indicators_kept", at=at, keep=keep).fetchone()
    if row is None:
        raise AssertionError("a query without a table answers one row")
    kept_from: datetime = row[0]
    return kept_from


def number(connection: Connection, timeframe: Timeframe, named: Sequence[tuple[str, Mapping[str, float]]]) -> list[int]:
    """The numbers under which values of some indicators stand; one that has none yet gets one.

    Args:
        connection: in any mode.
        timeframe: whose indicators.
        named: of each its name and all of its parameters.
    """
    values = {
        "timeframe": timeframe,
        "names": [name for name, _ in named],
        "parameters": [Jsonb(dict(parameters)) for _, parameters in named],
    }
    run(connection, "add_stored_indicators", **values)
    return [indicator_id for (indicator_id,) in run(connection, "number_indicators", **values)]


def spread_marks(connection: Connection, at: datetime, most: int) -> int:
    """Make some `most` instrument-hours of due marks ready to be taken; returns how many marks, 0 when none is left."""
    row = run(connection, "spread_unindicated", dataset=CANDLES.name, at=at, most=most).fetchone()
    return int(row[0]) if row else 0


def plan_pieces(connection: Connection, at: datetime, hours: int) -> Sequence[MarkedPiece]:
    """What is ready, as pieces of about so many instrument-hours of candles; to be done in this order."""
    return read_rows(connection, MarkedPiece, "plan_indicator_pieces", at=at, hours=hours)


@contextmanager
def taking(connection: Connection, piece: MarkedPiece) -> Iterator[Sequence[MarkedHour]]:
    """The marked hours of a piece, in one transaction, which takes them if all goes well."""
    with transaction(connection):
        run(connection, "lock_indicators")
        run(connection, "set_chunk_exclusion", setting="off")
        yield read_rows(
            connection,
            MarkedHour,
            "take_unindicated_hours",
            instrument_ids=piece.instrument_ids,
            starts=piece.starts,
            ends=piece.ends,
        )


def keep_open(connection: Connection, timeframe: Timeframe, kept: Sequence[tuple[int, datetime, datetime]]) -> None:
    """Leave marks for hours with an open bucket: instrument, hour, and when it is due."""
    if kept:
        ids, hours, due_at = (list(column) for column in zip(*kept, strict=True))
        values = {"timeframe": timeframe, "instrument_ids": ids, "hours": hours, "due_at": due_at}
        run(connection, "keep_open_buckets", dataset=CANDLES.name, **values)


def mark_signals(
    connection: Connection,
    timeframe: Timeframe | None,
    changed: Sequence[tuple[int, datetime, datetime]],
    hours: Mapping[int, tuple[datetime, datetime]],
) -> None:
    """Leave marks for rules of signals: stretches of instruments in which what they see changed; None: the minutes.

    `hours` are the first and the last one in which minutes of each changed.
    """
    if changed:
        ids, starts, ends = (list(column) for column in zip(*changed, strict=True))
        run(
            connection,
            "mark_signals",
            dataset=CANDLES.name,
            timeframe=timeframe,
            by_session=timeframe is not None and timeframe.by_session,
            unit=_UNITS.get(timeframe, "day"),
            instrument_ids=ids,
            starts=starts,
            ends=ends,
            first_hours=[hours[each][0] for each in ids],
            last_hours=[hours[each][1] for each in ids],
        )


def list_open_sessions(connection: Connection, instrument_ids: list[int], settled: datetime) -> Mapping[int, datetime]:
    """The earliest session date of each instrument that was not over at a moment, as its midnight UTC."""
    return dict(run(connection, "list_open_sessions", instrument_ids=instrument_ids, settled=settled).fetchall())


def read_values(
    connection: Connection,
    indicator_ids: Sequence[int],
    instrument_ids: list[int],
    starts: list[datetime],
    ends: list[datetime],
) -> Mapping[int, StoredValues]:
    """Stored values of stretches, both ends included, by the indicator's number; none of those without."""
    values = {
        "indicator_ids": list(indicator_ids),
        "instrument_ids": instrument_ids,
        "starts": starts,
        "ends": ends,
        "earliest": min(starts),
        "latest": max(ends),
    }
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        rows = cursor.execute(statement("read_indicators"), values)
        return {indicator_id: _in_order(*columns) for indicator_id, *columns in rows}


def _in_order(places: NDArray[np.int64], times: NDArray[np.int64], *columns: NDArray[Any]) -> StoredValues:
    order = np.lexsort((times, places))
    made_from, *outputs = (column[order] for column in columns)
    return StoredValues(places[order] - 1, times[order], made_from, outputs)  # WITH ORDINALITY counts from one


@dataclass(frozen=True)
class Rows:
    """Rows as arrays of one length."""

    instrument_ids: NDArray[np.int64]
    indicator_ids: NDArray[np.int64]
    times: NDArray[np.int64]
    made_from: NDArray[np.int64]
    outputs: Sequence[NDArray[np.float64]]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.times)

    def at(self, which: NDArray[Any]) -> "Rows":
        """Those alone that are chosen, in the order of their places where these are given."""
        return Rows(
            self.instrument_ids[which],
            self.indicator_ids[which],
            self.times[which],
            self.made_from[which],
            [each[which] for each in self.outputs],
        )

    def in_order(self) -> "Rows":
        """In the order of the table's key, so that neighbours in its index are written one after the other."""
        return self.at(np.lexsort((self.times, self.indicator_ids, self.instrument_ids)))


class AlreadyStored(Retryable):
    """A value stands where none was expected; who looks once more finds it."""


def insert(connection: Connection, rows: Rows, *, made_by: str, made_at: datetime) -> None:
    """Write values where nothing is stored; inside a transaction.

    Raises:
        AlreadyStored: something is; none is written then, and the transaction goes on.
        Retryable, Permanent: from the database.
    """
    try:
        with transaction(connection):
            _write(connection, "insert_indicators", rows, made_by, made_at)
    except Retryable as error:
        if isinstance(error.__cause__, UniqueViolation):
            raise AlreadyStored(str(error)) from error
        raise


def replace(connection: Connection, rows: Rows, *, made_by: str, made_at: datetime) -> None:
    """Write values that differ from those stored; inside a transaction."""
    _write(connection, "upsert_indicators", rows, made_by, made_at)


def _write(connection: Connection, name: str, rows: Rows, made_by: str, made_at: datetime) -> None:
    for some in _shares(rows.in_order()):
        parameters = _keys(some) | {
            "made_from": Whole(some.made_from),
            "values": Real(some.outputs[0]),
            "values_2": Real(some.outputs[1]),
            "values_3": Real(some.outputs[2]),
            "made_by": made_by,
            "made_at": made_at,
        }
        _execute(connection, name, parameters)


def delete(connection: Connection, rows: Rows) -> None:
    """Delete values whose candles are gone, in chunks of rows and of columns; inside a transaction."""
    if not len(rows):
        return
    run(connection, "set_bitmap_scans", setting="off")
    for some in _shares(rows):
        stretch = {
            "earliest": datetime.fromtimestamp(int(some.times.min()), UTC),
            "latest": datetime.fromtimestamp(int(some.times.max()), UTC),
        }
        _execute(connection, "delete_indicators", _keys(some) | stretch)
    run(connection, "set_bitmap_scans", setting="on")


def _shares(rows: Rows) -> Iterator[Rows]:
    return (rows.at(np.arange(start, min(start + _ROWS, len(rows)))) for start in range(0, len(rows), _ROWS))


def _keys(rows: Rows) -> dict[str, Any]:
    return {
        "instrument_ids": Whole(rows.instrument_ids),
        "indicator_ids": Whole(rows.indicator_ids),
        "times": Whole(rows.times),
    }


def _execute(connection: Connection, name: str, values: Mapping[str, Any]) -> None:
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        cursor.execute(statement(name), values)
