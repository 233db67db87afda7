"""Replace a timeframe's aggregates, and those built on them, by ones that were built beside; and the way back."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.platform.errors import Permanent, Retryable
from chandlery.policies.apply_policies import refuse_unworkable
from chandlery.policies.domain.policy import Policies
from chandlery.rebuild.domain.rebuild import Comparison, Place, RebuildReport
from chandlery.rebuild.replace_aggregates import Progress, Replacement, keep_policies
from chandlery.rebuild.store import rebuilds
from chandlery.rebuild.store.rebuilds import Rebuild
from chandlery.refresh.refresh_history import require_derived
from chandlery.words.counting import spell
from chandlery.words.timeframe import Timeframe


def rebuild_timeframe(
    connection: Connection,
    dataset: Dataset,
    timeframe: Timeframe,
    wanted: Policies,
    *,
    now: Callable[[], datetime],
    progress: Progress,
    accept_differences: bool = False,
) -> RebuildReport:
    """Build a timeframe's aggregates anew beside those in use, compare both, exchange them in one transaction.

    What was in use is kept: `restore_timeframe` leads back, `discard` ends that. An earlier run that was interrupted
    is gone on with. Readers see the former rows until the exchange, and the new ones from it on.

    Args:
        connection: in autocommit mode.
        dataset: whose aggregates.
        timeframe: one that is derived of its rows; days, weeks and months are made of one aggregate.
        wanted: the policies to be kept.
        now: up to when buckets have closed, aware: asked again and again, since a rebuild may take hours.
        progress: told the step, and how many pieces of how many are done.
        accept_differences: exchange them even if buckets would be others than they are.

    Raises:
        Permanent: there is nothing to rebuild, an earlier rebuild is in the way, or buckets differ: the error's report
            tells how many. What was in use is in use still.
        Retryable: another rebuild runs, or the database was too busy; the same call goes on.
    """
    with _turn(connection, dataset, timeframe) as found:
        refuse_unworkable(wanted)
        replacement = Replacement(connection, dataset.built_on(timeframe), Place.BESIDE, now, progress)
        finish = partial(_finish, connection, dataset, timeframe, wanted, replacement, now)
        if _swapped(found, dataset, timeframe):
            return finish([], resumed=True)
        _refuse_kept(found, dataset, timeframe)
        _refuse_strangers(connection, replacement.names)
        resumed = _stand_beside(found, dataset, timeframe)
        if not resumed:
            rebuilds.create_beside(connection, replacement.names, wanted)
        replacement.bring_up_to_date()
        comparisons = replacement.compare()
        if not accept_differences:
            _refuse_differences(
                RebuildReport(dataset.name, timeframe, comparisons, resumed=resumed),
                _command(dataset, timeframe),
                "--accept-differences",
                "--discard-beside",
            )
        replacement.exchange(rebuilds.put_in_use)
        return finish(comparisons, resumed=resumed)


def restore_timeframe(
    connection: Connection,
    dataset: Dataset,
    timeframe: Timeframe,
    wanted: Policies,
    *,
    now: Callable[[], datetime],
    progress: Progress,
    accept_differences: bool = False,
) -> RebuildReport:
    """Put the aggregates that a rebuild replaced in use again, brought up to date; those in use now are dropped.

    Args and errors are those of `rebuild_timeframe`.
    """
    with _turn(connection, dataset, timeframe) as found:
        refuse_unworkable(wanted)
        _require(found, dataset, timeframe, Place.BEFORE)
        replacement = Replacement(connection, dataset.built_on(timeframe), Place.BEFORE, now, progress)
        _refuse_strangers(connection, replacement.names)
        replacement.bring_up_to_date()
        comparisons = replacement.compare()
        report = RebuildReport(dataset.name, timeframe, comparisons)
        if not accept_differences:
            command = _command(dataset, timeframe)
            _refuse_differences(report, command, "--back --accept-differences", "--discard-before")
        replacement.exchange(partial(rebuilds.put_back, unlike=replacement.unlike if dataset.is_indicated else ()))
        replacement.settle()
        return replace(
            report,
            swapped=True,
            copied=replacement.copied,
            refreshes=replacement.refreshes,
            policies=keep_policies(connection, replacement.names, wanted, now()),
        )


def discard(connection: Connection, dataset: Dataset, timeframe: Timeframe, place: Place) -> Sequence[str]:
    """Drop what a rebuild left beside those in use: half-built ones, or those from before; returns their names.

    Raises:
        Permanent: there are none, or a rebuild must be finished first.
        Retryable: another rebuild runs, or somebody reads them.
    """
    with _turn(connection, dataset, timeframe) as found:
        _require(found, dataset, timeframe, place)
        if place is Place.BEFORE and _swapped(found, dataset, timeframe):
            command = _command(dataset, timeframe)
            raise Permanent(f"the rebuild of {timeframe} is not quite over; finish it: {command}")
        names = _names(dataset, timeframe)
        rebuilds.drop(connection, names, place)
        return [name + place for name in names]


@contextmanager
def _turn(connection: Connection, dataset: Dataset, timeframe: Timeframe) -> Iterator[Sequence[Rebuild]]:
    """Be the only one to rebuild; how far rebuilds have come."""
    require_derived(dataset, timeframe)
    with rebuilds.rebuilding(connection) as granted:
        if not granted:
            raise Retryable("another rebuild is running; try again when it is over")
        lowest = dataset.chain(timeframe)[0].timeframe
        yield [each for each in rebuilds.list_all(connection) if each.aggregate in _names(dataset, lowest)]


def _names(dataset: Dataset, timeframe: Timeframe) -> Sequence[str]:
    """The aggregates that are rebuilt along with a timeframe's, that one included, bottom up."""
    return [each.relation for each in dataset.built_on(timeframe)]


def _finish(
    connection: Connection,
    dataset: Dataset,
    timeframe: Timeframe,
    wanted: Policies,
    replacement: Replacement,
    now: Callable[[], datetime],
    comparisons: Sequence[Comparison],
    *,
    resumed: bool,
) -> RebuildReport:
    """What is to be done once they are in use; after an interruption it is not known any more what differed."""
    replacement.settle()
    if dataset.is_indicated:
        replacement.mark_unindicated(everything=not comparisons)
    rebuilds.set_state(connection, replacement.names, "settled")
    return RebuildReport(
        dataset.name,
        timeframe,
        comparisons,
        swapped=True,
        resumed=resumed,
        copied=replacement.copied,
        refreshes=replacement.refreshes,
        policies=keep_policies(connection, replacement.names, wanted, now()),
    )


def _swapped(found: Sequence[Rebuild], dataset: Dataset, timeframe: Timeframe) -> bool:
    """Whether the timeframe's aggregates were exchanged by a run that died before it was through."""
    swapped = {each.aggregate for each in found if each.is_before and each.state == "swapped"}
    return swapped == set(_names(dataset, timeframe))


def _stand_beside(found: Sequence[Rebuild], dataset: Dataset, timeframe: Timeframe) -> bool:
    """Whether the timeframe is being rebuilt already."""
    beside = [each.aggregate for each in found if each.is_beside]
    if not beside:
        return False
    _refuse_another(beside, dataset, timeframe, "is under way", "", "--discard-beside")
    return True


def _refuse_kept(found: Sequence[Rebuild], dataset: Dataset, timeframe: Timeframe) -> None:
    kept = [each.aggregate for each in found if each.is_before]
    if set(kept) & set(_names(dataset, timeframe)):
        first = _timeframe_of(dataset, kept[0])
        command = _command(dataset, first)
        raise Permanent(
            f"{kept[0]}{Place.BEFORE} is still kept from the rebuild of {first}; drop it: {command} --discard-before,"
            f" or go back to it: {command} --back"
        )


def _require(found: Sequence[Rebuild], dataset: Dataset, timeframe: Timeframe, place: Place) -> None:
    there = [each.aggregate for each in found if (each.is_before if place is Place.BEFORE else each.is_beside)]
    if not there:
        what = "nothing is kept from before a rebuild" if place is Place.BEFORE else "no rebuild is under way"
        raise Permanent(f"{what} of {timeframe}")
    option = "--discard-before" if place is Place.BEFORE else "--discard-beside"
    _refuse_another(there, dataset, timeframe, "is the one there is", "--back" if place is Place.BEFORE else "", option)


def _refuse_another(there: Sequence[str], dataset: Dataset, timeframe: Timeframe, says: str, *options: str) -> None:
    first = _timeframe_of(dataset, there[0])
    if set(there) != set(_names(dataset, timeframe)):
        commands = " or ".join(f"{_command(dataset, first)} {option}".strip() for option in options)
        raise Permanent(f"the rebuild of {first} {says}, not one of {timeframe}; run: {commands}")


def _refuse_strangers(connection: Connection, names: Sequence[str]) -> None:
    if strangers := rebuilds.list_strange_dependents(connection, names):
        raise Permanent(
            f"built on the aggregates that are to be replaced: {', '.join(strangers)}; only plain views can be led to"
            " the new ones: drop it, and create it again afterwards"
        )


def _timeframe_of(dataset: Dataset, aggregate: str) -> Timeframe:
    return next(each.timeframe for each in dataset.rollups if each.relation == aggregate)


def _command(dataset: Dataset, timeframe: Timeframe) -> str:
    return f"chandlery rebuild {timeframe}{declared.option(dataset)}"


def _refuse_differences(report: RebuildReport, command: str, accept_option: str, discard_option: str) -> None:
    if not report.unlike:
        return
    where = ", ".join(f"{each.aggregate} {each.unlike:,}" for each in report.comparisons if each.unlike)
    error = Permanent(
        f"{spell(report.unlike, 'bucket')} would change ({where}): nothing was exchanged. To accept that:"
        f" {command} {accept_option}; to give up: {command} {discard_option}"
    )
    error.report = report
    raise error
