"""The ledger of gaps, and the scan that keeps it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from psycopg import Connection

from chandlery.datasets.dataset import Dataset
from chandlery.gaps.store.hours import count_inside
from chandlery.platform.connection import transaction
from chandlery.platform.domain.limits import SCAN_SHARE_RUNS
from chandlery.platform.statements import read_rows, run, run_on
from chandlery.words.window import MINUTE, Window


@dataclass(frozen=True)
class Share:
    """Instruments that are scanned together: ids from first to last."""

    first: int
    last: int

    def split(self, parts: int) -> Sequence["Share"]:
        """The same instruments in so many shares at most, one at least in each."""
        size = -(-(self.last - self.first + 1) // parts)
        return [Share(first, min(first + size - 1, self.last)) for first in range(self.first, self.last + 1, size)]


@dataclass(frozen=True)
class Week:
    """A week in which there is anything to judge, and the shares of instruments that it is for."""

    window: Window
    shares: Sequence[Share]


@dataclass(frozen=True)
class FeedMinutes:
    """A feed's minutes over the week and over its last day; those not judged are neither open nor explained."""

    feed: str
    expected_week: int
    open_week: int
    not_judged_week: int
    expected_day: int
    open_day: int
    not_judged_day: int

    def __add__(self, other: "FeedMinutes") -> "FeedMinutes":
        """Both together, under the first one's name."""
        numbers = [each.name for each in fields(self) if each.name != "feed"]
        return FeedMinutes(self.feed, *(getattr(self, name) + getattr(other, name) for name in numbers))


@dataclass(frozen=True)
class Reconciled:
    """What a scan changed in the ledger, in rows; `minutes_healed` in expected minutes."""

    found: int = 0
    healed: int = 0
    minutes_healed: int = 0
    changed: int = 0

    @property
    def rows(self) -> int:
        """All rows together."""
        return self.found + self.healed + self.changed

    def __add__(self, other: "Reconciled") -> "Reconciled":
        """Both together."""
        return Reconciled(
            self.found + other.found,
            self.healed + other.healed,
            self.minutes_healed + other.minutes_healed,
            self.changed + other.changed,
        )


@dataclass(frozen=True)
class OpenGaps:
    """A feed's open gaps: rows, their expected minutes, where the oldest starts, and the key of its instrument."""

    feed: str
    gaps: int
    minutes: int
    oldest: datetime
    oldest_key: str


@dataclass(frozen=True)
class Looked:
    """What a look at a share came to, and the minutes of its feeds; `left` of it is to be looked at by itself."""

    ledger: Reconciled = field(default_factory=Reconciled)
    feeds: Sequence[FeedMinutes] = ()
    left: Sequence[Share] = ()


class Scan:
    """One look through a window, share by share, inside one transaction; see `scanning`."""

    def __init__(
        self, connection: Connection, dataset: Dataset, window: Window, at: datetime, component: str | None
    ) -> None:
        self._connection, self._dataset, self._component = connection, dataset, component
        self._stretch = {
            "dataset": dataset.name,
            "starts": window.starts,
            "ends": window.ends,
            "cadence": dataset.watched.minutes,
            "is_silence_plausible": dataset.watched.is_silence_plausible,
            "assumed_silent": dataset.watched.assumed_silent,
        }
        self._at = at

    def look(self, share: Share, most_runs: int = SCAN_SHARE_RUNS) -> Looked:
        """Find the gaps of some instruments and bring the ledger up to them.

        Args:
            share: the instruments.
            most_runs: runs of missing minutes and open gaps that one statement takes on; of a share that has more,
                and more than one instrument, all is left.
        """
        values = self._stretch | vars(share)
        run(self._connection, "set_other_joins", setting="off")
        run(self._connection, "scan_gaps:create_scanned_instruments", **values)
        run(self._connection, "scan_gaps:create_known_gaps", **values)
        run(self._connection, "scan_gaps:index_known_gaps")
        run(self._connection, "scan_gaps:analyze_scan_share")
        run(self._connection, "scan_gaps:create_expected_hours")
        run(self._connection, "scan_gaps:create_trade_floors", **values)
        run(self._connection, "scan_gaps:create_missing_hours", **values)
        runs, first, last = run(self._connection, "scan_gaps:count_scan_runs").fetchone() or (0, None, None)
        if runs > most_runs and first < last:
            looked = Looked(left=Share(first, last).split(-(-runs // most_runs)))
        else:
            looked = self._settle(values)
        run(self._connection, "scan_gaps:drop_scan_share")
        return looked

    def _settle(self, values: dict[str, Any]) -> Looked:
        if run(self._connection, "scan_gaps:create_steady_instruments", **values).rowcount:
            run(self._connection, "scan_gaps:leave_steady_instruments")
        run(self._connection, "scan_gaps:create_hour_trades", **values)
        run(self._connection, "scan_gaps:create_trade_rates", **values)
        run(self._connection, "scan_gaps:create_unmeasured_instruments", **values)
        run(self._connection, "scan_gaps:create_gap_runs", **values)
        feeds = read_rows(self._connection, FeedMinutes, "scan_gaps:sum_coverage")
        restless = run(self._connection, "scan_gaps:create_restless_instruments").rowcount
        run(self._connection, "set_other_joins", setting="on")
        ledger = self._reconcile(values) if restless else Reconciled()
        if self._component is not None:
            run(self._connection, "scan_gaps:record_judged", **values, component=self._component)
        return Looked(ledger, feeds)

    def _reconcile(self, values: dict[str, Any]) -> Reconciled:
        run(self._connection, "scan_gaps:create_found_gaps", **values)
        run(self._connection, "scan_gaps:index_found_gaps")
        run(self._connection, "scan_gaps:create_claimed_gaps")
        found = run_on(
            self._connection, self._dataset.watched.counted, "scan_gaps:reconcile_gaps", **values, at=self._at
        )
        row = found.fetchone()
        return Reconciled(*row) if row else Reconciled()


@contextmanager
def scanning(
    connection: Connection,
    dataset: Dataset,
    window: Window,
    at: datetime,
    *,
    week_starts: datetime,
    day_starts: datetime,
    component: str | None = None,
) -> Iterator[Scan]:
    """Look through a window of a data set as of `at`; coverage is summed from `week_starts` and from `day_starts` on.

    What is judged is remembered under the component's name; none: nothing is.
    """
    stretch = {"dataset": dataset.name, "starts": window.starts, "ends": window.ends}
    with transaction(connection):
        run(connection, "lock_gaps")
        run(
            connection,
            "scan_gaps:create_stretches",
            **stretch,
            cadence=dataset.watched.minutes,
            week_starts=week_starts,
            day_starts=day_starts,
        )
        run(connection, "scan_gaps:index_stretches")
        run(connection, "scan_gaps:create_waiting_hours", **stretch)
        # Marks first, then candles: whatever is written in between is seen once at least, and not as missing.
        count_inside(connection, dataset, window)
        run(connection, "scan_gaps:create_lives", dataset=dataset.name)
        run(connection, "set_other_joins", setting="off")
        run(connection, "scan_gaps:create_feed_hours", **stretch)
        run(connection, "set_other_joins", setting="on")
        explain = "scan_gaps:create_open_beats" if dataset.watched.is_set else "scan_gaps:create_explained_hours"
        run(connection, explain, **stretch, due=max(window.ends, at - MINUTE))
        run(connection, "scan_gaps:analyze_scan")
        yield Scan(connection, dataset, window, at, component)


def plan_shares(connection: Connection, instruments: int) -> Sequence[Share]:
    """All instruments in shares of about so many."""
    row = run(connection, "find_instrument_range").fetchone()
    if row is None or row[0] is None:
        return []
    return [Share(first, first + instruments - 1) for first in range(row[0], row[1] + 1, instruments)]


def plan_weeks(
    connection: Connection, dataset: Dataset, window: Window, shares: Sequence[Share], newest: datetime | None = None
) -> Sequence[Week]:
    """The weeks of a window in which there is anything to judge, the newest first, cut on Mondays.

    Cut elsewhere each day, they would cut a gap over a weekend, too. From `newest` on, a Monday, all is one week.
    """
    found = run(
        connection,
        "plan_weeks",
        dataset=dataset.name,
        starts=window.starts,
        ends=window.ends,
        newest=newest or "infinity",
        firsts=[share.first for share in shares],
        lasts=[share.last for share in shares],
    )
    return [Week(Window(starts, ends), [shares[place - 1] for place in places]) for starts, ends, places in found]


def sum_open(connection: Connection, datasets: Sequence[Dataset], at: datetime) -> Mapping[str, Sequence[OpenGaps]]:
    """Of each data set, by its name, the open gaps of each feed that has any that began before a moment."""
    found: dict[str, list[OpenGaps]] = {each.name: [] for each in datasets}
    for name, *of_feed in run(connection, "sum_open_gaps", datasets=list(found), at=at):
        found[name].append(OpenGaps(*of_feed))
    return found


def record_scan(
    connection: Connection, dataset: Dataset, component: str, window: Window, resume_at: datetime | None = None
) -> None:
    """Remember what a component has looked through, and where it goes on if it could not finish."""
    values = {"dataset": dataset.name, "component": component, "starts": window.starts, "ends": window.ends}
    run(connection, "record_scan", **values, resume_at=resume_at)


def list_ending_calendars(connection: Connection, at: datetime) -> Sequence[str]:
    """Calendars in use whose sessions end within 30 days, or that have none."""
    return [calendar for calendar, _ in run(connection, "list_ending_calendars", at=at)]


def find_history(connection: Connection, dataset: Dataset, component: str) -> tuple[datetime | None, datetime | None]:
    """Where older times begin (null: no candle), and where the component's last look stopped short, if it did."""
    row = run(connection, "find_history", dataset=dataset.name, component=component).fetchone()
    return (row[0], row[1]) if row else (None, None)


def find_tick_horizon(connection: Connection) -> datetime | None:
    """Where the ticks that are still kept begin; none without ticks."""
    row = run(connection, "find_tick_horizon").fetchone()
    return row[0] if row else None


def list_silent_instruments(
    connection: Connection, datasets: Sequence[Dataset], ends: datetime, instruments: int
) -> Sequence[str]:
    """Keys of instruments that are silent up to `ends` though their feed lives, the longest silent first."""
    values = {"datasets": [each.name for each in datasets], "ends": ends, "instruments": instruments}
    return [key for (key,) in run(connection, "list_silent_instruments", **values)]
