"""`chandlery refresh`: derived candles, by hand."""

from dataclasses import asdict
from datetime import UTC, datetime

from chandlery.settings import read_settings
from chandlery.store import schema
from chandlery.store.connection import connect
from chandlery.usecases.refresh_history import refresh_history
from local.command_line.database import use_database
from local.command_line.options import AsJson, From, TimeframeName, To, window_of
from local.command_line.output import out, progress_bar, show_json

# A week of many instruments may take longer than any statement of a function.
_STATEMENT_SECONDS = 3600


def refresh(timeframe: TimeframeName, starts: From, ends: To, as_json: AsJson = False) -> None:
    """Materialize a timeframe's candles of stored history, and those it is made of; what is fresh already costs little.

    Interrupted, the same command again goes on. Where minutes have been dropped nothing can be refreshed.
    """
    window = window_of(starts, ends)
    use_database()
    settings = read_settings().model_copy(update={"database_statement_timeout_seconds": _STATEMENT_SECONDS})
    with connect(settings, "command-line") as connection, progress_bar() as bar:
        schema.check(connection)
        task = bar.add_task(timeframe.value)
        report = refresh_history(
            connection,
            timeframe,
            window,
            datetime.now(UTC),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        show_json(asdict(report))
        return
    out.print(f"{timeframe.value}: {report.pieces:,} pieces of history refreshed, in {report.refreshes:,} refreshes")
