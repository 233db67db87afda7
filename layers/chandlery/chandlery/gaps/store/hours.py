"""Candle hours: which minutes of each hour have a row of a data set, counted from the rows that changed."""

from collections.abc import Sequence

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.platform.chunks import excluded_once
from chandlery.platform.connection import transaction
from chandlery.platform.statements import run, run_on
from chandlery.words.window import Window, whole_hours


def plan_uncounted(connection: Connection, dataset: Dataset, instrument_hours: int) -> Sequence[Window]:
    """The hours to be counted anew as windows of about `instrument_hours` rows, the newest first."""
    values = {"dataset": dataset.name, "work": dataset.watched.work, "instrument_hours": instrument_hours}
    found = run(connection, "plan_uncounted", **values).fetchall()
    return [Window(starts, ends) for starts, ends in found]


def forget_beats(connection: Connection, datasets: Sequence[Dataset]) -> None:
    """Take the marks of some data sets' hours in which no cadence that an operator sets expects a row."""
    with transaction(connection):
        # Who sets one marks what has come since: not while these are taken.
        run(connection, "lock_gaps")
        run(connection, "forget_beats", datasets=[each.name for each in datasets])


def count(connection: Connection, dataset: Dataset, window: Window) -> None:
    """Take the marks of a window and count their hours, in one transaction."""
    with transaction(connection):
        # Two that count the same hour at once could end with the older count.
        run(connection, "lock_gaps")
        count_inside(connection, dataset, window)


def count_inside(connection: Connection, dataset: Dataset, window: Window) -> None:
    """The same inside a transaction that holds the ledger's lock.

    Hours that the window only touches are counted whole: their marks go whole.
    """
    hours = whole_hours(window)
    stretch = {"dataset": dataset.name, "starts": hours.starts, "ends": hours.ends}
    run(connection, "count_hours:create_taken_hours")
    if dataset.watched.is_set:
        # Since when rows are expected the operator said.
        run(connection, "count_hours:take_uncounted_beats", **stretch)
        run_on(connection, dataset.watched.counted, "count_hours:count_beats", **stretch)
        return
    take = "count_hours:take_uncounted_parts" if dataset.watched.by else "count_hours:take_uncounted"
    run(connection, take, **stretch)
    with excluded_once(connection, hours):
        run_on(connection, dataset.watched.counted, "count_hours:count_candle_hours", **stretch)
    if not dataset.watched.shows_feeds:
        run(connection, "count_hours:extend_known_rows", **stretch)
        return
    # Of what candles tell, an instrument and its feed know more.
    run(connection, "count_hours:create_seen_hours", **stretch)
    run(connection, "count_hours:analyze_seen_hours")
    run(connection, "count_hours:extend_known_data", **stretch)
