"""Hold derived rows against those they are made of and unique keys against themselves, and put right what is wrong."""

from collections.abc import Callable, Sequence
from datetime import datetime

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.rollup import Rollup
from chandlery.platform.errors import Retryable
from chandlery.reference.store import instruments
from chandlery.refresh.domain.verification import Verification, VerifyReport, sum_verifications
from chandlery.refresh.refresh_stale import kept_stretches, piece_length
from chandlery.refresh.store import derived, refreshes, verifications
from chandlery.refresh.store.refreshes import Outcome
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, MINUTE, Window, cut_days, epoch_minute

Progress = Callable[[int, int], None]

# For whoever refreshes the same aggregate.
_PATIENCE = MINUTE
# Instruments whose day one run's sample reads: some 20,000 minutes.
_SAMPLE_INSTRUMENTS = 14
_SAMPLE_EVERY_MINUTES = 5


def verify_candles(connection: Connection, window: Window | None, *, repair: bool, progress: Progress) -> VerifyReport:
    """Verify all that is stored, or what a window touches, the oldest days first.

    Each piece of some days is one statement a table, and each repair is committed by itself: an interrupted run is
    begun again. A repair materializes wrong buckets by force; where rows have been dropped, it only takes away
    what stands twice.

    Args:
        connection: in autocommit mode.
        window: whole UTC days are verified; None: all.
        repair: whether to put right what is wrong.
        progress: told how many pieces of how many are done.

    Raises:
        Retryable: another refresh is at work for too long; what was repaired stays so.
        Retryable, Permanent: from the database; the same.
    """
    names = [*(each.relation for each in declared.rollups()), *(each.name for each in declared.keyed())]
    found: dict[str, list[Verification]] = {name: [] for name in names}
    repaired = 0
    pieces = _pieces(connection, window)
    for done, piece in enumerate(pieces):
        progress(done, len(pieces))
        for keyed in declared.keyed():
            found[keyed.name].append(copies := verifications.list_copies(connection, keyed, piece))
            if repair and copies.wrong:
                verifications.remove_copies(connection, keyed, piece)
                repaired += copies.wrong - verifications.list_copies(connection, keyed, piece).wrong
        for dataset, rollup in ((each, rollup) for each in declared.DATASETS for rollup in each.rollups):
            found[rollup.relation].append(held := verifications.verify_derived(connection, rollup.relation, piece))
            if repair and held.wrong:
                repaired += held.wrong - _repair(connection, dataset, rollup, piece, held.buckets).wrong
    progress(len(pieces), len(pieces))
    return VerifyReport(
        [sum_verifications(name, found[name]) for name in names], repaired, window and _whole_days(window)
    )


def verify_sample(connection: Connection, at: datetime) -> VerifyReport:
    """Verify what is derived of one day of a data set and a few instruments, whose turn it is at a moment.

    Each run's turn follows from its scheduled time alone: a data set after the other, and of each the newest day first,
    then back to the oldest rows, then the next few instruments.

    Raises:
        Retryable, Permanent: from the database.
    """
    turns, rolled_up = epoch_minute(at) // _SAMPLE_EVERY_MINUTES, declared.rolled_up()
    dataset = rolled_up[turns % len(rolled_up)]
    stored = derived.find_stored(connection, dataset.name)
    if stored is None or stored.starts >= at:
        return VerifyReport([])
    last = Timeframe.D1.floor_bucket(min(at, stored.ends - MINUTE))
    first = Timeframe.D1.floor_bucket(stored.starts)
    days = max((last - first) // DAY + 1, 1)
    shares = max(-(-instruments.count(connection) // _SAMPLE_INSTRUMENTS), 1)
    turn = turns // len(rolled_up) % (days * shares)
    day = last - turn % days * DAY
    share = verifications.list_share(connection, turn // days, shares)
    sampled = Window(day, day + DAY)
    return VerifyReport(
        [verifications.verify_derived(connection, each.relation, sampled, share) for each in dataset.rollups],
        days=sampled,
    )


def _pieces(connection: Connection, window: Window | None) -> Sequence[Window]:
    # Where a longer bucket is, shorter ones are; its chunks may be years long.
    shortest = [each.rollups[0].relation for each in declared.rolled_up()]
    stored = verifications.find_range(connection, [*shortest, *(each.name for each in declared.keyed())])
    if stored is None:
        return []
    starts = max(stored.starts, window.starts) if window else stored.starts
    ends = min(stored.ends, window.ends) if window else stored.ends
    if starts >= ends:
        return []
    return list(cut_days(_whole_days(Window(starts, ends)), piece_length(connection)))


def _whole_days(window: Window) -> Window:
    return Window(Timeframe.D1.floor_bucket(window.starts), Timeframe.D1.ceil_bucket(window.ends))


def _repair(
    connection: Connection, dataset: Dataset, rollup: Rollup, piece: Window, buckets: Sequence[datetime]
) -> Verification:
    """Put wrong buckets right; what is wrong afterwards."""
    # Before: a run that dies in between leaves buckets that the next verification finds again.
    verifications.mark_wrong(connection, dataset, rollup, piece)
    dropped = derived.list_dropped(connection, rollup.table)
    touched = [Window(bucket, bucket + MINUTE) for bucket in buckets]
    for kept in kept_stretches(dropped, piece.ends):
        for window in rollup.timeframe.whole_buckets(touched, kept):
            outcome = refreshes.refresh(connection, rollup.relation, window, patience=_PATIENCE, by_force=True)
            if outcome is Outcome.BUSY:
                raise Retryable(f"another refresh of {rollup.relation} is running; run the same command again")
    if any(each.starts < piece.ends and each.ends > piece.starts for each in dropped):
        # What stands twice where rows are gone; everything else was put right.
        verifications.remove_derived_copies(connection, rollup.relation, piece)
    return verifications.verify_derived(connection, rollup.relation, piece)
