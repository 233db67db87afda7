"""Set how often a source is to have rows, or no more."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from chandlery.datasets.cadence import next_beat, require_beat
from chandlery.datasets.dataset import Dataset
from chandlery.gaps.domain.source import feed_of, key_of
from chandlery.gaps.store import cadences
from chandlery.gaps.store.cadences import SourceCadence
from chandlery.platform.connection import transaction
from chandlery.platform.errors import NotFound, Permanent, Refused
from chandlery.platform.statements import run
from chandlery.reference.store import feeds, instruments
from chandlery.words.remark import Remark

# Posts and transfers come at any hour, whatever a market's are.
AROUND_THE_CLOCK = "24/7"


@dataclass(frozen=True)
class CadenceReport:
    """A source's cadence, and the one it had before; null: none."""

    now: SourceCadence | None
    before: SourceCadence | None


def set_cadence(
    connection: Connection,
    at: datetime,
    dataset: Dataset,
    source: str,
    every: timedelta,
    *,
    instrument: str | None = None,
    calendar: str | None = None,
    starts: datetime | None = None,
) -> CadenceReport:
    """Expect a row of a source in each beat, in one transaction.

    Beats are counted from midnight UTC. A cadence that was set before is replaced. Where its beats lie whole in those
    of the new one, all since it was set is judged again by this; else the new one begins at `at`.

    Args:
        connection: in autocommit mode.
        at: now, aware: the first beat that begins from here on is the first in which a row is expected.
        dataset: one whose cadences an operator sets.
        source: a value of the dimension that it names.
        every: how long a beat is.
        instrument: the key of the one whose rows are expected; where absent, any instrument's will do.
        calendar: in whose open hours, one that has been filled; where absent, as before, or around the clock.
        starts: from where on, instead; aware.

    Raises:
        Refused: there can be no such beat, or the source has no name.
        NotFound: there is no such instrument.
        Permanent: another instrument has the key that would stand for the source.
        Retryable: from the database.
    """
    if not source:
        raise Refused("source", "a source has a name")
    try:
        require_beat(every)
    except ValueError as error:
        raise Refused("every", str(error)) from None
    with transaction(connection):
        # Nobody looks for gaps meanwhile, nor takes marks of what nobody expects.
        run(connection, "lock_gaps")
        if instrument is not None:
            instruments.find(connection, instrument)
        before = cadences.find(connection, dataset, source, instrument)
        since = next_beat(every, starts or _begins(before, every, at))
        calendar = calendar or (before.calendar if before else AROUND_THE_CLOCK)
        if before and (before.every, before.since, before.calendar) == (every, since, calendar):
            return CadenceReport(before, before)
        key = before.key if before else _new_key(connection, dataset, source, instrument)
        instruments.add(connection, key, calendar, feed_of(dataset.name, source))
        feeds.set_live(connection, feed_of(dataset.name, source), live=False)
        cadences.keep(connection, dataset, key, source, instrument, every, since)
        return CadenceReport(cadences.find(connection, dataset, source, instrument), before)


def clear_cadence(
    connection: Connection, dataset: Dataset, source: str, instrument: str | None = None
) -> CadenceReport:
    """Expect rows of a source no more: its gaps and all that is known of its presence go, in one transaction.

    Raises:
        NotFound: it has no cadence.
        Retryable: from the database.
    """
    with transaction(connection):
        run(connection, "lock_gaps")
        before = cadences.find(connection, dataset, source, instrument)
        if before is None:
            of_one = f" for {instrument}" if instrument else ""
            raise NotFound(
                Remark(f"no cadence is set for {source} of {dataset.name}{of_one}", "; see: chandlery cadence list")
            )
        instruments.remove(connection, before.key, with_data=True)
        run(connection, "remove_feed", feed=feed_of(dataset.name, source))
    return CadenceReport(None, before)


def _begins(before: SourceCadence | None, every: timedelta, at: datetime) -> datetime:
    return before.since if before and not every % before.every else at


def _new_key(connection: Connection, dataset: Dataset, source: str, instrument: str | None) -> str:
    key = key_of(dataset.name, dataset.watched.by[0], source, instrument)
    if key in instruments.list_keys(connection):
        raise Permanent(
            f"{key}, which would stand for {source}, is an instrument already: remove it, or name the source otherwise"
        )
    return key
