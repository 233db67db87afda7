"""`chandlery import`: files of market data into the database. Reading them is imported late: it loads pyarrow."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from psycopg import Connection

from chandlery.gaps.import_candles import import_candles
from chandlery.minutes.import_ticks import OnConflict, TickImport, import_ticks
from chandlery.platform.errors import Permanent
from chandlery.platform.settings import read_settings
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store import instruments
from chandlery.refresh.aggregate_history import AggregationReport, aggregate_history
from chandlery.words.counting import spell
from chandlery.words.window import CLOCK_ALLOWANCE, MINUTE, Window
from local.command_line.conflicts import describe_conflicts, tell_conflicts
from local.command_line.database import open_connection
from local.command_line.liveness import at_work, progress_bar
from local.command_line.options import AsJson
from local.command_line.output import err, out, show_json
from local.command_line.retention import warn_of_retention

app = typer.Typer(no_args_is_help=True, help="Import files of market data.")

Aggregate = Annotated[
    bool,
    typer.Option(
        "--aggregate", help="then make candles of every timeframe, and find what is missing, on the days of the files"
    ),
]
SkipBad = Annotated[bool, typer.Option(help="put bad rows in FILE.bad.csv instead of stopping")]


class Seq(StrEnum):
    """Where a tick's sequence number comes from."""

    FROM_FILE = "from-file"
    BY_ROW = "by-row"


@app.command()
def ticks(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="CSV, CSV.gz or Parquet: time,price,size[,seq,…]")
    ],
    instrument: Annotated[str, typer.Option(metavar="KEY", help="instrument that the ticks belong to")],
    on_conflict: Annotated[
        OnConflict,
        typer.Option(
            help="what to do with a row that has the time and seq of another tick, but other content: keep the first,"
            " replace it, or refuse the file"
        ),
    ] = OnConflict.KEEP,
    seq: Annotated[
        Seq, typer.Option(help="by-row: number ticks in the order of the rows, and ignore the column seq")
    ] = Seq.FROM_FILE,
    aggregate: Aggregate = False,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
) -> None:
    """Import ticks. Each file is imported whole or not at all, and may be imported again.

    Columns: time (ISO 8601 with an offset), price, size and, optionally, seq, venue, conditions, updates_ohlc,
    updates_volume, cancelled. Without seq, the order of the rows counts. The same tick again changes nothing. A row
    with the time and seq of another tick but other content is a conflict: by default the first is kept, all other rows
    are imported, and the exit code is 1. A cancellation always wins.
    """

    def bring_in(connection: Connection, file: _File) -> _Counts:
        return _import_ticks(connection, file, on_conflict, seq)

    def told(counts: _Counts) -> str:
        words = [spell(counts["new"], "new tick"), f"{counts['known']:,} known already"]
        words += [f"{counts[name]:,} {name}" for name in ("cancelled", "replaced") if counts[name]]
        if counts["conflicting"]:
            words.append(spell(counts["conflicting"], "row in conflict", "rows in conflict"))
        return ", ".join(words)

    options = _Options(skip_bad, aggregate, as_json)
    done = _import_files(files, instrument, bring_in, told, options)
    if on_conflict is OnConflict.KEEP and any(each["conflicting"] for each in done):
        raise typer.Exit(1)


@app.command()
def candles(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="CSV, CSV.gz or Parquet: time,open,high,low,close,volume[,vwap,trades]"),
    ],
    instrument: Annotated[str, typer.Option(metavar="KEY", help="instrument that the candles belong to")],
    aggregate: Aggregate = False,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
) -> None:
    """Import a vendor's one-minute candles. Each file is checked whole before any of it is written.

    Columns: time (start of the minute, ISO 8601 with an offset), open, high, low, close, volume and, optionally, vwap
    and trades. Candles made of ticks stay. After an interruption, import the same file again to continue.
    """

    def told(counts: _Counts) -> str:
        written = spell(counts["written"], "candle")
        return f"{written} written, {counts['revised']:,} revised, {counts['unchanged']:,} unchanged"

    options = _Options(skip_bad, aggregate, as_json)
    _import_files(files, instrument, _import_candles, told, options)


@dataclass(frozen=True)
class _Options:
    """How files come in, and what follows."""

    skip_bad: bool
    aggregate: bool
    as_json: bool


@dataclass
class _Reach:
    """The times of the first and the last row of several files; none before there is a row."""

    starts: datetime | None = None
    ends: datetime | None = None

    def extend(self, starts: datetime, ends: datetime) -> None:
        """Take some rows in."""
        self.starts = min(self.starts or starts, starts)
        self.ends = max(self.ends or ends, ends)


@dataclass(frozen=True)
class _File:
    """A file on its way in, whose rows it has, how far all files reach, and who hears of bad rows and of bytes read.

    `ignored` are its columns that mean nothing, each with the one it may be meant for, or none.
    """

    path: Path
    instrument: Instrument
    reach: _Reach
    set_aside: "_SetAside | None"
    progress: Callable[[int, int], None]
    ignored: dict[str, str | None] = field(default_factory=dict)

    def ignore(self, columns: Mapping[str, str | None]) -> None:
        """Say on stderr which columns mean nothing."""
        self.ignored.update(columns)
        if columns:
            told = (f"{name} (did you mean {meant}?)" if meant else name for name, meant in columns.items())
            err.print(f"{self.path}: ignored columns: {', '.join(told)}", style="yellow", markup=False, soft_wrap=True)


_L = TypeVar("_L")
_Counts = Mapping[str, Any]
_Import = Callable[[Connection, _File], _Counts]


def _import_files(
    files: Sequence[Path],
    key: str,
    bring_in: _Import,
    told: Callable[[_Counts], str],
    options: _Options,
) -> Sequence[_Counts]:
    """Bring files in one by one, and say what was done."""
    with open_connection() as connection:
        known = instruments.find(connection, key)
        done, reach = [], _Reach()
        for file in files:
            done.append(result := _import_file(connection, known, file, bring_in, reach, skip_bad=options.skip_bad))
            if not options.as_json:
                out.print(f"{file}: {told(result)}", soft_wrap=True)
        made = _make_candles(connection, known, reach) if options.aggregate else None
    if options.as_json:
        show_json(done if made is None else {"files": done, "made": asdict(made)})
    elif made is not None:
        _show_made(known, made)
    return done


def _make_candles(connection: Connection, instrument: Instrument, reach: _Reach) -> AggregationReport:
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


def _import_file(
    connection: Connection, instrument: Instrument, path: Path, bring_in: _Import, reach: _Reach, *, skip_bad: bool
) -> dict[str, Any]:
    with ExitStack() as stack:
        set_aside = _SetAside(path, stack) if skip_bad else None
        bar = stack.enter_context(progress_bar())
        task = bar.add_task(path.name, total=None)
        file = _File(
            path, instrument, reach, set_aside, lambda read, total: bar.update(task, completed=read, total=total)
        )
        counts = bring_in(connection, file)
    bad = set_aside.rows if set_aside else 0
    if set_aside and bad:
        err.print(f"[yellow]{path}: {spell(bad, 'bad row')} put in {set_aside.path}[/yellow]", soft_wrap=True)
    return {"file": str(path), **counts, "bad": bad, "ignored_columns": file.ignored}


def _import_ticks(connection: Connection, file: _File, on_conflict: OnConflict, seq: Seq) -> _Counts:
    from local.lots import tick_lots
    from local.market_file import open_tick_file

    latest = datetime.now(UTC) + CLOCK_ALLOWANCE
    by_row = seq is Seq.BY_ROW
    negative = file.instrument.allow_negative
    with open_tick_file(
        file.path, latest=latest, on_bad=file.set_aside, by_row=by_row, allow_negative=negative
    ) as reader:
        file.ignore(reader.ignored_columns)
        lots = tick_lots(
            iter(reader),
            file.instrument.instrument_id,
            lambda: file.progress(reader.bytes_read, reader.total_bytes),
            reader.known_columns,
        )
        kept = _watched(lots, "ticks", file, lambda lot: (lot.starts, lot.ends))
        try:
            result = import_ticks(connection, file.instrument.instrument_id, kept, on_conflict)
        except Permanent as error:
            if isinstance(error.report, TickImport):
                tell_conflicts(file.path, reader.word, error.report, on_conflict)
            raise
    tell_conflicts(file.path, reader.word, result, on_conflict)
    return {**vars(result), "known": result.known, "conflicts": describe_conflicts(result.conflicts)}


def _import_candles(connection: Connection, file: _File) -> _Counts:
    from local.lots import checked_candle_lots

    last_closed = datetime.now(UTC) - MINUTE
    with checked_candle_lots(
        file.path,
        latest=last_closed,
        on_bad=file.set_aside,
        progress=file.progress,
        on_ignored=file.ignore,
        allow_negative=file.instrument.allow_negative,
    ) as lots:
        kept = _watched(lots, "candles", file, lambda lot: (min(lot.times), max(lot.times)))
        result = import_candles(connection, file.instrument.instrument_id, kept)
    return {
        "read": result.read,
        "written": result.written,
        "revised": result.revised,
        "unchanged": result.unchanged,
    }


def _watched(
    lots: Iterator[_L], table: str, file: _File, times: Callable[[_L], tuple[datetime, datetime]]
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
