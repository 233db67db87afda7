"""Opens files and yields what is good in them as Arrow record batches of one schema."""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from local.market_file.asked import NOTHING, Asked
from local.market_file.candle_checks import Check, SeenMinutes, contradicting_prices
from local.market_file.checker import Checker
from local.market_file.columns import candle_columns, schema_of, tick_columns
from local.market_file.errors import BadRow
from local.market_file.layouts import Holds
from local.market_file.recognition import Reading, recognise
from local.market_file.source import explained, fingerprint, format_of

OnBad = Callable[[Sequence[BadRow]], None]


def open_tick_file(
    path: str | os.PathLike[str],
    *,
    latest: datetime | None = None,
    batch_rows: int = 50_000,
    on_bad: OnBad | None = None,
    by_row: bool = False,
    allow_negative: bool = False,
    asked: Asked = NOTHING,
) -> "MarketFileReader":
    """Opens a file of ticks: `time,price,size[,seq,venue,conditions,updates_ohlc,updates_volume,cancelled]`.

    Or one of a layout that is known, or that `asked` says.

    Without a `seq` column, seq is 31 bits of the content's SHA-256 followed by 32 bits of the row's line: the
    same content, under any name and gzipped or not, gives the same again, and two files all but surely
    differ. A file that has grown since is another file.

    Args:
        path: a file of CSV or JSON lines, packed or not, or of Parquet.
        latest: the aware time after which a tick lies in the future; None: no limit.
        batch_rows: the most rows in one batch.
        on_bad: what to do with rows that are left out; None: the first bad row raises.
        by_row: whether seq is that of a file without the column; what stands there becomes `file_seq`, null where it
            is no integer.
        allow_negative: whether a price may lie below zero.
        asked: what is said of its layout; what is not is judged by the file.

    Raises:
        UnreadableFile: the file as a whole cannot be read, or can be read in two ways.
    """
    columns = tick_columns(latest, by_row=by_row, allow_negative=allow_negative)
    reading = recognise(Path(path), Holds.TICKS, columns, asked)
    return MarketFileReader(Path(path), reading, batch_rows=batch_rows, on_bad=on_bad)


def open_candle_file(
    path: str | os.PathLike[str],
    *,
    latest: datetime | None = None,
    batch_rows: int = 50_000,
    on_bad: OnBad | None = None,
    allow_negative: bool = False,
    asked: Asked = NOTHING,
) -> "MarketFileReader":
    """Opens a file of one-minute candles: `time,open,high,low,close,volume[,vwap,turnover,trades]`.

    Prices must not contradict each other, and a minute may appear once. Arguments and errors are those of
    `open_tick_file`; `latest` is compared with a candle's start.
    """
    columns = candle_columns(latest, allow_negative=allow_negative)
    reading = recognise(Path(path), Holds.CANDLES, columns, asked)
    checks = (contradicting_prices, SeenMinutes())
    return MarketFileReader(Path(path), reading, batch_rows=batch_rows, on_bad=on_bad, checks=checks)


class MarketFileReader:
    """The good rows of a file, in order, as record batches of `schema`; a context manager; read once.

    Iterating raises `BadRow` for the file's first bad row, unless `on_bad` takes bad rows (in order, one call
    for each batch that has some), and `UnreadableFile` where the file turns out to be broken.

    Attributes:
        path: the file.
        schema: times are UTC microseconds, decimals exact text; `line` is where the row stands in the file.
        ignored_columns: names of columns that mean nothing here, each with the one that it may be meant for, or none.
        known_columns: names of the others that the file has.
        layout: the name of the file's layout; empty where it is ours.
        read_as: how it is read, where that is otherwise than ours.
        word: what a row's place in the file is called, line or row.
        total_bytes: the size of the file on disk.
        bytes_read: about how much of that the batches so far came from; equals `total_bytes` after the last.
    """

    def __init__(
        self,
        path: Path,
        reading: Reading,
        *,
        batch_rows: int,
        on_bad: OnBad | None,
        checks: Sequence[Check] = (),
    ) -> None:
        if batch_rows < 1:
            raise ValueError(f"batch_rows must be at least 1, not {batch_rows}")
        self.path = path
        self.schema = schema_of(reading.columns)
        self.layout, self.read_as = reading.layout, reading.read_as
        self._reading = reading
        self._batch_rows = batch_rows
        self._on_bad = on_bad
        self._checks = (*reading.checks, *checks)
        self.total_bytes = path.stat().st_size
        self.bytes_read = 0
        self._source = reading.open()
        ignored = self._source.header.ignored
        self.ignored_columns = {name: meant for name, meant in ignored.items() if name not in reading.unread}
        self.known_columns = frozenset(self._source.header.positions).intersection(self.schema.names)
        self.word = self._source.word

    @property
    def left_out(self) -> int:
        """How many rows so far the layout's rules have left out."""
        return sum(rule.left_out for rule in self._reading.rules)

    def remarks(self) -> Sequence[str]:
        """What is to be said of the file once it is read: rows left out, and trades that are missing."""
        return [each for rule in self._reading.rules for each in rule.remarks()]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; no more batches after that."""
        self._source.close()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        checker = self._checker()
        for rows in self._source.rows(self._batch_rows):
            self.bytes_read = self._source.position()
            batch, bad = checker.check(rows)
            if bad and self._on_bad is None:
                raise bad[0]
            if bad and self._on_bad:
                self._on_bad(bad)
            if batch.num_rows:
                yield batch
        self.bytes_read = self.total_bytes

    def _checker(self) -> Checker:
        first_seq = 0
        columns = self._reading.columns
        if any(each.by_line and each.name not in self.known_columns for each in columns):
            with explained(self.path):
                first_seq = fingerprint(self.path, format_of(self.path)) << 32
        return Checker(
            columns, self.schema, self.path.name, self._source.word, first_seq, self._checks, self._reading.rules
        )
