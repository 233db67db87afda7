"""Look for gaps of a data set, week by week, beyond the live stretch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.gaps.find_gaps import count_hours, find_gaps
from chandlery.gaps.store import scans
from chandlery.gaps.store.scans import Reconciled, Share, Week
from chandlery.gaps.store.vendor_days import Asked
from chandlery.words.window import WEEK, Window, floor_week

COMPONENT = "historical_gap_monitor"
# What is kept back for asking a vendor.
SECONDS_TO_ASK = 300.0
# Told what is being done, and how many of how many are done.
Progress = Callable[[str, int, int], None]


@dataclass
class History:
    """A data set's weeks beyond the live stretch, the newest first, and where the last look stopped, if it did."""

    connection: Connection
    dataset: Dataset
    now: datetime
    beyond: datetime
    shares: Sequence[Share]
    piece_hours: int
    progress: Progress
    weeks: Sequence[Week] = ()

    def __post_init__(self) -> None:
        starts, self.resume_at = scans.find_history(self.connection, self.dataset, COMPONENT)
        if starts is not None and starts < self.beyond:
            # The newest is one to two weeks long: a few hours cannot tell how often an instrument trades.
            newest = floor_week(self.beyond) - WEEK
            stretch = Window(starts, self.beyond)
            self.weeks = scans.plan_weeks(self.connection, self.dataset, stretch, self.shares, newest)


def look(history: History, most_weeks: int | None, has_time: Callable[[float], bool]) -> tuple[Reconciled, int]:
    """Find the gaps of the newest week, then of the others, from where the last run stopped, if it did.

    Returns:
        What changed, and the weeks that are left for the next run.
    """
    resume_at = history.resume_at or history.beyond
    weeks = [*history.weeks[:1], *(week for week in history.weeks[1:] if week.window.ends <= resume_at)]
    ledger = Reconciled()
    for done, week in enumerate(weeks):
        history.progress("weeks", done, len(weeks))
        if not done or done != most_weeks:
            # The newest week may take the time that is kept for asking.
            seconds = SECONDS_TO_ASK if done else 0.0
            found = find_gaps(
                history.connection,
                COMPONENT,
                week.window,
                history.now,
                shares=week.shares,
                has_time=partial(has_time, seconds),
                dataset=history.dataset,
            )
            ledger += found.ledger
            if not found.shares_left:
                continue
        if done:
            scans.record_scan(
                history.connection, history.dataset, COMPONENT, weeks[done - 1].window, resume_at=week.window.ends
            )
        return ledger, len(weeks) - done
    return ledger, 0


def look_again(history: History, asked: Sequence[Asked], has_time: Callable[[float], bool]) -> tuple[Reconciled, bool]:
    """Bring the ledger up to what the vendor filled or explained; returns what changed, and whether time sufficed."""
    days = [each.day.window for each in asked]
    instrument_ids = {each.day.instrument_id for each in asked}
    shares = [share for share in history.shares if any(share.first <= each <= share.last for each in instrument_ids)]
    ledger = Reconciled()
    if count_hours(history.connection, lambda: has_time(0), history.piece_hours, dataset=history.dataset):
        return ledger, False
    for week in history.weeks:
        window = week.window
        if any(day.starts < window.ends and day.ends > window.starts for day in days):
            found = find_gaps(
                history.connection,
                COMPONENT,
                window,
                history.now,
                shares=shares,
                has_time=partial(has_time, 0.0),
                # The look at all weeks decides where the next run continues.
                keeps_place=False,
                dataset=history.dataset,
            )
            ledger += found.ledger
            if found.shares_left:
                return ledger, False
    return ledger, True
