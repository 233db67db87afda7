"""`chandlery refresh` and `chandlery rebuild`: what is derived of a data set, by hand."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.platform import schema
from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent
from chandlery.platform.settings import read_settings
from chandlery.policies.wanted import read_policies
from chandlery.rebuild.domain.rebuild import Place, RebuildReport, RebuildStep
from chandlery.rebuild.rebuild_timeframe import discard, rebuild_timeframe, restore_timeframe
from chandlery.refresh.refresh_history import refresh_history, require_derived
from chandlery.words.counting import spell
from chandlery.words.timeframe import Timeframe
from local.command_line.database import use_database
from local.command_line.liveness import progress_bar
from local.command_line.options import DEFAULT, AsJson, DatasetName, From, TimeframeName, To, dataset_of, window_of
from local.command_line.output import err, out, show_json, show_rows

# A week of many instruments may take longer than any statement of a function.
_STATEMENT_SECONDS = 3600
_LEFT_BEHIND = {
    False: "the former aggregates are still in use, unchanged",
    True: "the new aggregates are in use; run the same command again to refresh what changed meanwhile",
}


def refresh(
    timeframe: TimeframeName, starts: From, ends: To, dataset: DatasetName = DEFAULT, as_json: AsJson = False
) -> None:
    """Materialize a timeframe of stored history, and the timeframes below it. What is fresh costs little.

    After an interruption, run the same command again to continue. Stretches whose rows were dropped stay as they are.
    """
    window = window_of(starts, ends)
    chosen = _rolled_up(dataset, timeframe)
    use_database()
    settings = read_settings().model_copy(update={"database_statement_timeout_seconds": _STATEMENT_SECONDS})
    with connect(settings, "command-line") as connection, progress_bar() as bar:
        schema.check(connection)
        task = bar.add_task(timeframe.value)
        report = refresh_history(
            connection,
            chosen,
            timeframe,
            window,
            datetime.now(UTC),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        show_json(asdict(report))
        return
    out.print(
        f"{timeframe.value}: {spell(report.pieces, 'piece')} of history, "
        f"{spell(report.refreshes, 'refresh', 'refreshes')}, {report.fresh:,} of them already fresh"
    )


def rebuild(
    timeframe: TimeframeName,
    back: Annotated[bool, typer.Option("--back", help="return to what the last rebuild replaced")] = False,
    discard_before: Annotated[
        bool, typer.Option("--discard-before", help="drop what the last rebuild replaced; there is no way back then")
    ] = False,
    discard_beside: Annotated[
        bool, typer.Option("--discard-beside", help="give up an unfinished rebuild, and drop what it built")
    ] = False,
    accept_differences: Annotated[
        bool, typer.Option("--accept-differences", help="continue even if rows change")
    ] = False,
    dataset: DatasetName = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Rebuild a timeframe's aggregates, and those built on them, while the former ones stay in use; then exchange them.

    Readers see the former rows until the exchange, and the new ones from then on. The former aggregates are kept
    under names that end in _before until --discard-before. After an interruption, run the same command again to
    continue.
    """
    if back + discard_before + discard_beside > 1:
        raise typer.BadParameter("--back, --discard-before and --discard-beside exclude each other")
    chosen = _rolled_up(dataset, timeframe)
    use_database()
    settings = read_settings().model_copy(update={"database_statement_timeout_seconds": _STATEMENT_SECONDS})
    with connect(settings, "command-line") as connection:
        schema.check(connection)
        if discard_before or discard_beside:
            place = Place.BEFORE if discard_before else Place.BESIDE
            _show_dropped(discard(connection, chosen, timeframe, place), as_json)
            return
        report = _exchange(
            connection, chosen, timeframe, restore_timeframe if back else rebuild_timeframe, accept_differences, as_json
        )
    _show(report, as_json=as_json)
    if as_json:
        return
    name = _named(chosen, timeframe)
    if back:
        out.print(f"{name}: the aggregates from before the rebuild are in use again; the rebuilt ones are dropped")
        return
    out.print(f"{name}: the new aggregates are in use", soft_wrap=True)
    command = f"chandlery rebuild {timeframe.value}{declared.option(chosen)}"
    err.print(
        f"to go back: {command} --back; to drop the former aggregates: {command} --discard-before", soft_wrap=True
    )


def _rolled_up(name: str, timeframe: Timeframe) -> Dataset:
    """The data set of a name, if a timeframe is derived of it."""
    chosen = dataset_of(name, declared.rolled_up())
    try:
        require_derived(chosen, timeframe)
    except Permanent as error:
        raise typer.BadParameter(str(error), param_hint="TIMEFRAME") from None
    return chosen


def _named(dataset: Dataset, timeframe: Timeframe) -> str:
    """A timeframe, and the data set where it is not the one that is meant anyway."""
    return timeframe.value if dataset is declared.DEFAULT else f"{dataset.name} {timeframe.value}"


def _exchange(
    connection: Connection,
    dataset: Dataset,
    timeframe: Timeframe,
    use_case: Callable[..., RebuildReport],
    accept_differences: bool,
    as_json: bool,
) -> RebuildReport:
    last = RebuildStep.COPY
    with progress_bar() as bar:
        task = bar.add_task(_named(dataset, timeframe))

        def tell(step: RebuildStep, done: int, total: int) -> None:
            nonlocal last
            last = step
            bar.update(task, description=f"{_named(dataset, timeframe)}: {step}", completed=done, total=total)

        try:
            return use_case(
                connection,
                dataset,
                timeframe,
                read_policies(),
                now=lambda: datetime.now(UTC),
                progress=tell,
                accept_differences=accept_differences,
            )
        except KeyboardInterrupt:
            bar.stop()
            err.print(_LEFT_BEHIND[last is RebuildStep.SETTLE], soft_wrap=True)
            raise
        except Permanent as error:
            bar.stop()
            if isinstance(error.report, RebuildReport):
                _show(error.report, as_json=as_json)
            raise


def _show(report: RebuildReport, *, as_json: bool) -> None:
    if as_json:
        show_json(asdict(report))
        return
    if report.resumed:
        err.print("continued an unfinished rebuild")
    columns = ("aggregate", "same", "different", "only_old", "only_new", "waiting")
    if report.comparisons:
        rows = [asdict(each) for each in report.comparisons]
        show_rows(rows, columns, title="aggregates in use and their replacements", as_json=False)
    for example in [example for each in report.comparisons for example in each.examples][:5]:
        out.print(example, soft_wrap=True, markup=False)
    if report.swapped and report.policies is None:
        err.print("policy maintenance adds their jobs; or run: chandlery policies apply")


def _show_dropped(names: Sequence[str], as_json: bool) -> None:
    if as_json:
        show_json({"dropped": names})
        return
    out.print(f"dropped: {', '.join(names)}", soft_wrap=True)
