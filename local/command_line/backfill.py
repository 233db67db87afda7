"""`chandlery backfill`: a vendor's candles, by hand."""

from dataclasses import asdict
from datetime import UTC, datetime

from chandlery.gaps import backfill as usecase
from chandlery.platform.errors import Permanent
from chandlery.platform.settings import read_settings
from chandlery.reference.store import instruments
from chandlery.vendors import open_vendor
from chandlery.words.counting import spell
from chandlery.words.window import MINUTE, floor_minute
from local.command_line.database import open_connection
from local.command_line.liveness import progress_bar
from local.command_line.options import AsJson, From, Key, To, window_of
from local.command_line.output import out, show_json
from local.command_line.retention import warn_of_retention


def backfill(key: Key, starts: From, ends: To, as_json: AsJson = False) -> None:
    """Fill an instrument's incomplete days with candles of the vendor that VENDOR names.

    Days on which every expected minute has a candle are skipped, so an interrupted command continues when run again. A
    candle made of ticks stays, unless it is partial. A warning says if the candles are older than retention: they stay
    until you let them be dropped.
    """
    # The running minute is nobody's to fill yet.
    window = window_of(starts, min(ends, floor_minute(datetime.now(UTC)) - MINUTE))
    vendor = open_vendor(read_settings())
    if vendor is None:
        raise Permanent("no vendor is set: set VENDOR=polygon and VENDOR_API_KEY, or VENDOR=ccxt")
    with open_connection() as connection, progress_bar() as bar:
        task = bar.add_task(key)
        instrument = instruments.find(connection, key)
        report = usecase.backfill(
            connection,
            vendor,
            instrument,
            window,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            before_writing=lambda begins: warn_of_retention(key, "candles", begins),
        )
    if as_json:
        show_json(asdict(report))
        return
    out.print(
        f"{key}: {spell(report.days, 'day')} asked for, {report.days_empty:,} of them empty at the vendor,"
        f" {report.days_complete:,} complete before; {spell(report.candles_read, 'candle')} received, "
        f"{report.candles_written:,} written, {report.candles_revised:,} revised",
        markup=False,
        soft_wrap=True,
    )
