"""Bring aggregates that stand beside those in use up to date, compare both, and exchange them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime

from psycopg import Connection

from chandlery.datasets.rollup import Rollup
from chandlery.platform.errors import ChandleryError, Retryable
from chandlery.policies.apply_policies import plan_policies, put_right
from chandlery.policies.domain.policy import Policies
from chandlery.policies.store import policies as policy_store
from chandlery.rebuild.domain.rebuild import Comparison, Place, RebuildStep, sum_comparisons
from chandlery.rebuild.store import rebuilds
from chandlery.reference.store import instruments
from chandlery.refresh.refresh_stale import Refresher, piece_length
from chandlery.refresh.store import derived
from chandlery.words.window import DAY, MINUTE, Window, cut_days

Progress = Callable[[RebuildStep, int, int], None]
Exchange = Callable[[Connection, Sequence[str]], None]

# Buckets that one statement compares or copies, about.
_PIECE_BUCKETS = 2_000_000
_LONGEST_PIECE = 36500
_ATTEMPTS = 5
# For whoever refreshes the same aggregate, and for retention.
_PATIENCE = MINUTE


class Replacement:
    """Aggregates of a place, beside or before, that are to take the place of those in use."""

    def __init__(
        self,
        connection: Connection,
        rollups: Sequence[Rollup],
        place: Place,
        now: Callable[[], datetime],
        progress: Progress,
    ) -> None:
        """Of roll-ups that are built on each other, bottom up; `now` tells up to when buckets have closed, aware."""
        self.copied = self.refreshes = 0
        self.unlike: list[tuple[Rollup, Window]] = []
        self.names = [rollup.relation for rollup in rollups]
        self._connection = connection
        self._rollups = rollups
        self._dataset = rollups[0].table
        self._place = place
        self._now = now
        self._progress = progress

    def bring_up_to_date(self) -> None:
        """Copy what can never be made again, refresh what can; in pieces, the oldest first, each committed."""
        self._copy()
        self._refresh_in_pieces()

    def compare(self) -> Sequence[Comparison]:
        """Hold every bucket against that in use; remembers the stretches that are not alike."""
        pieces = [(rollup, piece) for rollup in self._rollups for piece in self._pieces(rollup)]
        found = self._compare(pieces)
        unlike = [piece for piece, comparison in found.items() if comparison.unlike]
        if unlike:
            # A change may have been refreshed in the one, and not yet in the other: so once more, with nobody writing.
            self.bring_up_to_date()
            found |= self._compare(unlike, self._stand_still)
        self.unlike = [piece for piece, comparison in found.items() if comparison.unlike]
        return [
            sum_comparisons(each.relation, [one for (rollup, _), one in found.items() if rollup is each])
            for each in self._rollups
        ]

    def exchange(self, put: Exchange) -> None:
        """Have them put in use, up to date to the last candle: none is written between the last refresh and the swap.

        Raises:
            Retryable: somebody read or wrote all the time; the former ones are in use still.
            Permanent: the role may not; the same.
        """
        for attempt in range(_ATTEMPTS):
            self._progress(RebuildStep.SWAP, attempt, _ATTEMPTS)
            is_put = False
            try:
                with rebuilds.writing_held(self._connection, self._dataset):
                    self._copy()
                    self._refresh_at_once()
                    put(self._connection, self.names)
                    is_put = True
            except Retryable as error:
                if is_put:  # the next run goes on from there
                    raise
                busy = error
                self.bring_up_to_date()
            else:
                return
        raise Retryable(
            f"the aggregates are used too busily to be exchanged now, tried {_ATTEMPTS} times: {busy}; the former ones"
            " are in use still; run the same command again"
        )

    def settle(self) -> None:
        """Once they are in use: refresh what somebody changed, without our lock, while they were exchanged.

        Raises:
            Retryable: another refresh is at work for too long; the new ones are in use.
        """
        refresher = Refresher(self._connection, self._now(), _PATIENCE)
        stored = derived.find_stored(self._connection, self._dataset)
        for done, rollup in enumerate(self._rollups):
            self._progress(RebuildStep.SETTLE, done, len(self._rollups))
            if stored is not None:
                self._refresh(refresher, rollup, stored)

    def mark_unindicated(self, everything: bool) -> None:
        """Once they are in use: have the indicators over what differs from before computed anew."""
        unlike = self.unlike
        if everything:
            unlike = [(each, piece) for each in self._rollups for piece in self._pieces(each, Place.BEFORE)]
        for rollup, piece in unlike:
            rebuilds.mark_unindicated(self._connection, rollup, Place.BEFORE, piece)

    def _copy(self) -> None:
        pieces = list(self._pieces_to_copy())
        for done, (rollup, piece) in enumerate(pieces):
            self._progress(RebuildStep.COPY, done, len(pieces))
            self.copied += rebuilds.copy(self._connection, rollup.relation, self._place, piece)

    def _pieces_to_copy(self) -> Iterator[tuple[Rollup, Window]]:
        """Where minutes have been dropped since the aggregates of the two places parted."""
        for rollup in self._rollups:
            held = rebuilds.find_range(self._connection, rollup.relation, self._place)
            for stretch in rebuilds.list_uncopied(self._connection, rollup.relation, held) if held else ():
                for piece in self._cut(rollup, stretch):
                    yield rollup, piece

    def _refresh_in_pieces(self) -> None:
        stored = derived.find_stored(self._connection, self._dataset)
        at = self._now()
        if stored is None or stored.starts >= at:
            return
        refresher = self._refresher(at)
        pieces = list(cut_days(Window(stored.starts, min(stored.ends, at)), piece_length(self._connection)))
        for done, piece in enumerate(pieces):
            self._progress(RebuildStep.REFRESH, done, len(pieces))
            for rollup in self._rollups:
                self._refresh(refresher, rollup, piece)
        self._progress(RebuildStep.REFRESH, len(pieces), len(pieces))

    def _refresh_at_once(self) -> None:
        """Refresh all that changed, which TimescaleDB knows: little, after it was done in pieces."""
        stored = derived.find_stored(self._connection, self._dataset)
        if stored is not None:
            refresher = self._refresher(self._now())
            for rollup in self._rollups:
                self._refresh(refresher, rollup, stored)

    def _refresher(self, at: datetime) -> Refresher:
        return Refresher(self._connection, at, _PATIENCE, self._place)

    def _refresh(self, refresher: Refresher, rollup: Rollup, touched: Window) -> None:
        # Retention waits for those beside, but not for those from before. What it takes from them in between, the next
        # copy brings back.
        before = refresher.refreshes
        if not refresher.refresh(rollup, [touched]):
            raise Retryable(
                f"another refresh of {rollup.relation}{refresher.place} is running; run the same command again"
            )
        self.refreshes += refresher.refreshes - before

    @contextmanager
    def _stand_still(self) -> Iterator[None]:
        """Nobody writes under the data set's lock, and every row that was written is in."""
        with rebuilds.writing_held(self._connection, self._dataset):
            self._refresh_at_once()
            yield

    def _compare(
        self,
        pieces: Sequence[tuple[Rollup, Window]],
        meanwhile: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> dict[tuple[Rollup, Window], Comparison]:
        found = {}
        for done, (rollup, piece) in enumerate(pieces):
            self._progress(RebuildStep.COMPARE, done, len(pieces))
            with meanwhile():
                found[rollup, piece] = rebuilds.compare(self._connection, rollup.relation, self._place, piece)
        self._progress(RebuildStep.COMPARE, len(pieces), len(pieces))
        return found

    def _pieces(self, rollup: Rollup, place: Place | None = None) -> Iterator[Window]:
        """All that either may hold, cut into pieces that one statement can do."""
        held = rebuilds.find_range(self._connection, rollup.relation, place or self._place)
        return self._cut(rollup, held) if held else iter(())

    def _cut(self, rollup: Rollup, window: Window) -> Iterator[Window]:
        a_day = instruments.count(self._connection) * -(-DAY // rollup.width)
        return cut_days(window, min(max(_PIECE_BUCKETS // (a_day or 1), 1), _LONGEST_PIECE) * DAY)


def keep_policies(
    connection: Connection, aggregates: Sequence[str], wanted: Policies, at: datetime
) -> Sequence[str] | None:
    """Give aggregates that have come into use their jobs; what was done, in words, or none: maintenance will do it."""
    try:
        with policy_store.keeping(connection) as granted:
            if not granted:
                return None
            planned = plan_policies(connection, at, wanted)
            actions = [each for each in planned.allowed(destructive=False) if each.table in aggregates]
            applied = put_right(connection, actions, lambda: True)
            return None if applied.failed else [action.says for action in applied.done]
    except ChandleryError:
        # The aggregates are in use, and the next run of maintenance tells what is wrong with the policies.
        return None
