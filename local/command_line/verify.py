"""`chandlery verify`: whether what is derived is what its rows make, and keys stand once."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from chandlery.platform import runs, schema
from chandlery.platform.connection import connect
from chandlery.platform.settings import read_settings
from chandlery.refresh.domain.verification import VerifyReport
from chandlery.refresh.verify_candles import verify_candles
from chandlery.words.counting import spell
from chandlery.words.window import EARLIEST, LATEST
from local.command_line.database import use_database
from local.command_line.liveness import progress_bar
from local.command_line.options import AsJson, parse_moment, window_of
from local.command_line.output import err, out, show_json, show_rows

# A day of many instruments may take longer than any statement of a function.
_STATEMENT_SECONDS = 3600
_COLUMNS = ("table", "same", "twice", "different", "only_derived", "only_minutes", "waiting")


def verify(
    starts: Annotated[
        datetime | None,
        typer.Option("--from", parser=parse_moment, metavar="TIME", help="first moment; all when absent"),
    ] = None,
    ends: Annotated[
        datetime | None, typer.Option("--to", parser=parse_moment, metavar="TIME", help="moment to stop before")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="repair what is wrong")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare everything derived with the rows it is made of, and look for duplicate keys, in whole UTC days.

    Exits 1 if something is wrong, or still is after --repair. After an interruption, what was repaired stays.
    """
    window = window_of(starts or EARLIEST, ends or LATEST) if starts or ends else None
    use_database()
    settings = read_settings().model_copy(update={"database_statement_timeout_seconds": _STATEMENT_SECONDS})
    started = time.monotonic()
    with connect(settings, "command-line") as connection, progress_bar() as bar:
        schema.check(connection)
        task = bar.add_task("verify")
        report = verify_candles(
            connection,
            window,
            repair=repair,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        if report.wrong == report.repaired and runs.may_record(connection):
            # What samples found before on these days is put right: status tells of it no more. A login that only
            # reads has verified, and leaves that to others.
            counts = {
                "wrong": report.wrong,
                "repaired": report.repaired,
                "starts": report.days and report.days.starts.isoformat(),
                "ends": report.days and report.days.ends.isoformat(),
            }
            seconds = time.monotonic() - started
            runs.record(
                connection, "verify", datetime.now(UTC), counts=counts, changed=bool(report.repaired), seconds=seconds
            )
    _show(report, repair=repair, as_json=as_json)
    if report.wrong > report.repaired:
        raise typer.Exit(1)


def _show(report: VerifyReport, *, repair: bool, as_json: bool) -> None:
    rows = [asdict(each) for each in report.tables]
    if as_json:
        tables = [{name: row[name] for name in (*_COLUMNS, "examples")} for row in rows]
        show_json({"wrong": report.wrong, "repaired": report.repaired, "tables": tables})
        return
    show_rows(
        rows, _COLUMNS, title="derived rows compared with what they are made of, and duplicate keys", as_json=False
    )
    for each in report.tables:
        for example in each.examples:
            out.print(f"{each.table} {example}", soft_wrap=True, markup=False)
    if not report.wrong:
        out.print("nothing is wrong")
    elif repair:
        out.print(f"{spell(report.wrong, 'was', 'were')} wrong, {report.repaired:,} of them repaired")
    else:
        err.print(
            f"{spell(report.wrong, 'is', 'are')} wrong; to repair that, run the same command with --repair",
            soft_wrap=True,
        )
