"""How files of market data come in, whatever is in them: one by one, with progress, remarks and what is left out."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from psycopg import Connection

from chandlery.platform.errors import Permanent
from chandlery.platform.settings import read_settings
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store import instruments
from chandlery.refresh.aggregate_history import AggregationReport, aggregate_history
from chandlery.words.counting import spell
from chandlery.words.window import MINUTE, Window
from local.command_line.database import open_connection
from local.command_line.listed_files import list_files
from local.command_line.liveness import at_work, progress_bar
from local.command_line.output import err, out, show_json
from local.command_line.retention import warn_of_retention

if TYPE_CHECKING:
    from local.market_file import MarketFileReader

SkipBad = Annotated[bool, typer.Option(help="put bad rows in FILE.bad.csv instead of stopping")]


@dataclass(frozen=True)
class Options:
    """How files come in, and what follows."""

    skip_bad: bool
    aggregate: bool
    as_json: bool


@dataclass
class Reach:
    """The times of the first and the last row of several files; none before there is a row."""

    starts: datetime | None = None
    ends: datetime | None = None

    def extend(self, starts: datetime, ends: datetime) -> None:
        """Take some rows in."""
        self.starts = min(self.starts or starts, starts)
        self.ends = max(self.ends or ends, ends)


@dataclass(frozen=True)
class File:
    """A file on its way in, of whose rows, how far all files reach, and who hears of bad rows and of bytes read.

    `ignored` are its columns that mean nothing, each with the one it may be meant for, or none.
    """

    path: Path
    of: Instrument | None
    reach: Reach
    set_aside: "_SetAside | None"
    progress: Callable[[int, int], None]
    ignored: dict[str, str | None] = field(default_factory=dict)

    @property
    def instrument(self) -> Instrument:
        """Whose rows it has."""
        if self.of is None:
            raise AssertionError("its rows are of no instrument")
        return self.of

    def describe(self, reader: "MarketFileReader") -> None:
        """Say on stderr which columns mean nothing, and how it is read where that is otherwise than ours."""
        columns = reader.ignored_columns
        self.ignored.update(columns)
        if reader.read_as:
            self._say(f"read as {reader.read_as}")
        if columns:
            told = (f"{name} (did you mean {meant}?)" if meant else name for name, meant in columns.items())
            self._say(f"ignored columns: {', '.join(told)}", "yellow")

    def remark(self, reader: "MarketFileReader") -> None:
        """Say on stderr what the file's layout says of it, once it is read."""
        for each in reader.remarks():
            self._say(each, "yellow")

    def _say(self, text: str, style: str | None = None) -> None:
        err.print(f"{self.path}: {text}", style=style, markup=False, soft_wrap=True)


_L = TypeVar("_L")
Counts = Mapping[str, Any]
Import = Callable[[Connection, File], Counts]


def import_files(
    files: Sequence[Path],
    key: str | None,
    bring_in: Import,
    told: Callable[[Counts], str],
    options: Options,
) -> Sequence[Counts]:
    """Bring files in one by one, rows of the instrument `key` if they are of any, and say what was done.

    Not side by side: each is one transaction, and only one at a time can make chunks of a table.
    """
    paths = list_files(files)
    bytes_of = Bytes([path.stat().st_size if path.is_file() else 0 for path in paths])
    with open_connection() as connection:
        known = instruments.find(connection, key) if key else None
        done, reach = [], Reach()
        come = _Incoming(connection, known, reach, bytes_of, skip_bad=options.skip_bad)
        for file in paths:
            done.append(result := _import_file(come, file, bring_in))
            if not options.as_json:
                out.print(f"{file}: {told(result)}", soft_wrap=True)
        made = _make_candles(connection, known, reach) if options.aggregate and known else None
    if options.as_json:
        show_json(done if made is None else {"files": done, "made": asdict(made)})
    elif made is not None and known:
        _show_made(known, made)
    return done


def _make_candles(connection: Connection, instrument: Instrument, reach: Reach) -> AggregationReport:
    if reach.starts is None or reach.ends is None:
        raise Permanent("the files have no rows to make candles of")
    with at_work("aggregating") as tell:
        return aggregate_history(
            connection,
            instrument.instrument_id,
            Window(reach.starts, reach.ends + MINUTE),
            datetime.now(UTC),
            piece_candles=read_settings().live_piece_candles,
            progress=lambda what, pieces: tell(f"aggregating: {what}, {spell(pieces, 'piece')} done"),
        )


def _show_made(instrument: Instrument, made: AggregationReport) -> None:
    stretch = f"--from {made.starts:%Y-%m-%d} --to {made.ends:%Y-%m-%d}"
    if made.refresh_held_off:
        err.print(
            "[yellow]another refresh is running: the next run of policy maintenance refreshes the other hours, or run"
            " the same command again[/yellow]",
            soft_wrap=True,
        )
    out.print(
        f"{instrument.key}: {spell(made.candles_written, 'candle')} written, {made.candles_revised:,} revised;"
        f" {spell(made.gaps_found, 'gap')} found; {spell(made.hours_refreshed, 'hour')} of higher timeframes"
        " refreshed\n"
        f"next: chandlery candles {instrument.key} 5m {stretch}",
        markup=False,
        soft_wrap=True,
    )


@dataclass
class Bytes:
    """How many bytes each of several files has, and which file is read: for one progress bar over all of them."""

    sizes: Sequence[int]
    at: int = 0

    def describe(self, name: str) -> str:
        """The file, and its place among them."""
        return name if len(self.sizes) == 1 else f"{name} ({self.at + 1} of {len(self.sizes)})"

    def read(self, part: int, whole: int) -> tuple[int, int]:
        """What is read of all of them, and what there is, where a part of the file is read."""
        size = self.sizes[self.at]
        return sum(self.sizes[: self.at]) + size * part // max(whole, 1), sum(self.sizes)


@dataclass(frozen=True)
class _Incoming:
    """What files have in common on their way in."""

    connection: Connection
    of: Instrument | None
    reach: Reach
    bytes_of: Bytes
    skip_bad: bool


def _import_file(come: _Incoming, path: Path, bring_in: Import) -> dict[str, Any]:
    with ExitStack() as stack:
        set_aside = _SetAside(path, stack) if come.skip_bad else None
        bar = stack.enter_context(progress_bar())
        read, total = come.bytes_of.read(0, 1)
        task = bar.add_task(come.bytes_of.describe(path.name), completed=read, total=total or None)

        def progress(part: int, whole: int) -> None:
            bar.update(task, completed=come.bytes_of.read(part, whole)[0])

        file = File(path, come.of, come.reach, set_aside, progress)
        counts = bring_in(come.connection, file)
    come.bytes_of.at += 1
    bad = set_aside.rows if set_aside else 0
    if set_aside and bad:
        err.print(f"[yellow]{path}: {spell(bad, 'bad row')} put in {set_aside.path}[/yellow]", soft_wrap=True)
    return {"file": str(path), **counts, "bad": bad, "ignored_columns": file.ignored}


def watched(
    lots: Iterator[_L], table: str, file: File, times: Callable[[_L], tuple[datetime, datetime]]
) -> Iterator[_L]:
    """The same lots; says before the first is written that retention will drop what is in it, if so."""
    for number, lot in enumerate(lots):
        starts, ends = times(lot)
        if number == 0:
            warn_of_retention(str(file.path), table, starts)
        file.reach.extend(starts, ends)
        yield lot


class _SetAside:
    """Bad rows, kept beside their file: line, column, reason and the row's own text."""

    def __init__(self, file: Path, stack: ExitStack) -> None:
        self.path = file.with_name(f"{file.name}.bad.csv")
        self.rows = 0
        self._stack = stack
        self._write: Callable[[Sequence[Any]], Any] | None = None

    def __call__(self, rows: Sequence[Any]) -> None:
        if self._write is None:
            out_file = self._stack.enter_context(self.path.open("w", newline="", encoding="utf-8"))
            self._write = csv.writer(out_file).writerow
            self._write(("line", "column", "reason", "row"))
        for row in rows:
            self._write((row.line, row.column, row.reason, row.text))
        self.rows += len(rows)
