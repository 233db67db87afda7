"""`chandlery import`: files of market data into the database. Reading them is imported late: it loads pyarrow."""

from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from psycopg import Connection
from typer.core import TyperGroup

from chandlery.datasets import declared
from chandlery.gaps.import_candles import import_candles
from chandlery.minutes.import_lots import OnConflict
from chandlery.minutes.import_ticks import TickImport, import_ticks
from chandlery.platform.errors import Permanent
from chandlery.words.counting import spell
from chandlery.words.window import CLOCK_ALLOWANCE, MINUTE
from local.command_line.conflicts import describe_conflicts, exit_on_conflicts, report_conflicts, spell_counts
from local.command_line.contract_imports import Underlying, import_trades, spell_option_counts
from local.command_line.incoming_files import Counts, File, Options, SkipBad, import_files, watched
from local.command_line.layout_options import (
    Columns,
    DayFirst,
    DecimalComma,
    Format,
    Ticker,
    TimeUnit,
    TimeZone,
    asked_of,
    describe_layout,
)
from local.command_line.options import AsJson
from local.command_line.rate_imports import import_rate_file, spell_rates
from local.command_line.row_imports import OnRowConflict, command_name, command_of
from local.market_file.asked import Asked

if TYPE_CHECKING:
    from local.market_file import MarketFileReader


class _Imports(TyperGroup):
    """The importers: of ticks and of candles their own, and one of each data set whose rows come from files."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names."""
        return [*super().list_commands(ctx), *map(command_name, declared.imported())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of them; none if there is none of that name."""
        found = next((dataset for dataset in declared.imported() if command_name(dataset) == cmd_name), None)
        return command_of(found) if found else super().get_command(ctx, cmd_name)


app = typer.Typer(cls=_Imports, no_args_is_help=True, help="Import files of market data.")

Aggregate = Annotated[
    bool,
    typer.Option(
        "--aggregate", help="then make candles of every timeframe, and find what is missing, on the days of the files"
    ),
]


class Seq(StrEnum):
    """Where a tick's sequence number comes from."""

    FROM_FILE = "from-file"
    BY_ROW = "by-row"


@app.command()
def ticks(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="CSV, JSON lines or Parquet: time,price,size[,seq,…], or a known layout",
        ),
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
    format_: Format = None,
    columns: Columns = None,
    time_unit: TimeUnit = None,
    time_zone: TimeZone = None,
    day_first: DayFirst = None,
    decimal_comma: DecimalComma = None,
    ticker: Ticker = None,
    aggregate: Aggregate = False,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
) -> None:
    """Import ticks. Each file is imported whole or not at all, and may be imported again.

    Columns: time (ISO 8601 with an offset), price, size and, optionally, seq, venue, conditions, updates_ohlc,
    updates_volume, cancelled; or those of a layout that is known (docs/files.md), recognised by itself. Without seq,
    the order of the rows counts. The same tick again changes nothing. A row
    with the time and seq of another tick but other content is a conflict: by default the first is kept, all other rows
    are imported, and the exit code is 1. A cancellation always wins.
    """
    asked = asked_of(format_, columns, time_unit, time_zone, day_first, decimal_comma, ticker)

    def bring_in(connection: Connection, file: File) -> Counts:
        return _import_ticks(connection, file, on_conflict, seq, asked)

    def told(counts: Counts) -> str:
        return spell_counts(counts, "new tick", "cancelled", "replaced")

    options = Options(skip_bad, aggregate, as_json)
    exit_on_conflicts(import_files(files, instrument, bring_in, told, options), on_conflict)


@app.command()
def candles(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="CSV, JSON lines or Parquet: time,open,high,low,close,volume[,vwap,trades], or a known layout",
        ),
    ],
    instrument: Annotated[str, typer.Option(metavar="KEY", help="instrument that the candles belong to")],
    format_: Format = None,
    columns: Columns = None,
    time_unit: TimeUnit = None,
    time_zone: TimeZone = None,
    day_first: DayFirst = None,
    decimal_comma: DecimalComma = None,
    ticker: Ticker = None,
    aggregate: Aggregate = False,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
) -> None:
    """Import a vendor's one-minute candles. Each file is checked whole before any of it is written.

    Columns: time (start of the minute, ISO 8601 with an offset), open, high, low, close, volume and, optionally, vwap
    or turnover, and trades; or those of a layout that is known (docs/files.md). Candles made of ticks stay. After an
    interruption, import the same file again to continue.
    """
    asked = asked_of(format_, columns, time_unit, time_zone, day_first, decimal_comma, ticker)

    def told(counts: Counts) -> str:
        written = spell(counts["written"], "candle")
        return f"{written} written, {counts['revised']:,} revised, {counts['unchanged']:,} unchanged"

    options = Options(skip_bad, aggregate, as_json)
    import_files(files, instrument, partial(_import_candles, asked=asked), told, options)


@app.command("option-trades")
def option_trades(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="CSV, CSV.gz or Parquet: time,expiry,strike,right and price,size[,seq] or open,high,low,close,volume",
        ),
    ],
    underlying: Underlying,
    on_conflict: OnRowConflict = OnConflict.KEEP,
    aggregate: Aggregate = False,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
) -> None:
    """Import trades of an underlying's options: ticks, or a vendor's one-minute candles where a file has these.

    Columns: time, expiry, strike, right (C, P, call, put, CE, PE), optionally contract and expires_at, and those of
    ticks or of candles. A contract that is not stored is made. Each file is imported whole or not at all, and may be
    imported again. Other writers of candles wait until all candles of a file are written.
    """
    bring_in = partial(import_trades, on_conflict=on_conflict)
    options = Options(skip_bad, aggregate, as_json)
    exit_on_conflicts(import_files(files, underlying, bring_in, spell_option_counts, options), on_conflict)


@app.command()
def rates(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="CSV, CSV.gz or Parquet: time,currency,days,rate")
    ],
    on_conflict: OnRowConflict = OnConflict.KEEP,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
) -> None:
    """Import interest rates, by which options are discounted. Each file is imported whole or not at all.

    Columns: time (since when the rate holds), currency, days (its term) and rate (a year's, compounded continuously, as
    a fraction: 0.05). A row with the time, currency and days of another one but another rate is a conflict: by default
    the first is kept, all other rows are imported, and the exit code is 1.
    """
    bring_in = partial(import_rate_file, on_conflict=on_conflict)
    options = Options(skip_bad, aggregate=False, as_json=as_json)
    exit_on_conflicts(import_files(files, None, bring_in, spell_rates, options), on_conflict)


def _import_ticks(connection: Connection, file: File, on_conflict: OnConflict, seq: Seq, asked: Asked) -> Counts:
    from local.lots import tick_lots
    from local.market_file import open_tick_file

    latest = datetime.now(UTC) + CLOCK_ALLOWANCE
    by_row = seq is Seq.BY_ROW
    negative = file.instrument.allow_negative
    with open_tick_file(
        file.path, latest=latest, on_bad=file.set_aside, by_row=by_row, allow_negative=negative, asked=asked
    ) as reader:
        file.describe(reader)
        lots = tick_lots(
            iter(reader),
            file.instrument.instrument_id,
            lambda: file.progress(reader.bytes_read, reader.total_bytes),
            reader.known_columns,
        )
        kept = watched(lots, "ticks", file, lambda lot: (lot.starts, lot.ends))
        try:
            result = import_ticks(connection, file.instrument.instrument_id, kept, on_conflict)
        except Permanent as error:
            if isinstance(error.report, TickImport):
                report_conflicts(file.path, reader.word, error.report, on_conflict)
            raise
    report_conflicts(file.path, reader.word, result, on_conflict)
    file.remark(reader)
    conflicts = describe_conflicts(result.conflicts)
    return {**vars(result), "known": result.known, "conflicts": conflicts, **describe_layout(reader)}


def _import_candles(connection: Connection, file: File, asked: Asked) -> Counts:
    from local.lots import checked_candle_lots

    last_closed = datetime.now(UTC) - MINUTE
    described: dict[str, object] = {}

    def checked(reader: "MarketFileReader") -> None:
        file.remark(reader)
        described.update(describe_layout(reader))

    with checked_candle_lots(
        file.path,
        latest=last_closed,
        on_bad=file.set_aside,
        progress=file.progress,
        on_opened=file.describe,
        on_checked=checked,
        allow_negative=file.instrument.allow_negative,
        asked=asked,
    ) as lots:
        kept = watched(lots, "candles", file, lambda lot: (min(lot.times), max(lot.times)))
        result = import_candles(connection, file.instrument.instrument_id, kept)
    return {
        "read": result.read,
        "written": result.written,
        "revised": result.revised,
        "unchanged": result.unchanged,
        **described,
    }
