"""The historical gap monitor's job: beyond 7 days, heal from ticks that are still kept, else from the vendor."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import Connection

from chandlery.domain.candle import Source
from chandlery.domain.vendor import Vendor
from chandlery.domain.window import DAY, HOUR, WEEK, Window, floor_hour, floor_minute, floor_week, turn_of
from chandlery.errors import ChandleryError
from chandlery.store import gaps, instruments, vendor_days
from chandlery.store.candles import Written
from chandlery.store.gaps import Reconciled, Share
from chandlery.usecases.find_gaps import count_hours, find_gaps
from chandlery.usecases.heal_from_ticks import heal_differing, heal_marked
from chandlery.usecases.heal_from_vendor import VendorHealing, heal_from_vendor

COMPONENT = "historical_gap_monitor"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTES_A_DAY = 1440
# What is kept back for what follows: verifying must leave time to look, looking must leave time to ask.
_SECONDS_TO_LOOK, _SECONDS_TO_ASK = 600.0, 300.0


@dataclass(frozen=True)
class HistoricalGapReport:
    """What one look beyond 7 days came to; gaps are rows of the ledger."""

    candles_written: int
    candles_revised: int
    candles_deleted: int
    gaps_found: int
    gaps_filled: int
    gaps_changed: int
    gaps_open: int
    minutes_open: int
    oldest_gap_hours: float
    vendor_days: int
    vendor_days_left: int
    gaps_backing_off: int
    pieces_left: int
    weeks_left: int

    @property
    def changed(self) -> bool:
        """Whether any candle or any gap is other than before the run."""
        return bool(
            self.candles_written
            or self.candles_revised
            or self.candles_deleted
            or self.gaps_found
            or self.gaps_filled
            or self.gaps_changed
            or self.gaps_backing_off
        )


def watch_historical_gaps(
    connection: Connection,
    scheduled_at: datetime,
    *,
    open_vendor: Callable[[], Vendor | None],
    piece_candles: int,
    verify_buckets: int,
    share_instruments: int,
    most_vendor_days: int,
    has_time: Callable[[float], bool],
) -> HistoricalGapReport:
    """Heal from ticks, find gaps week by week, ask the vendor for what is still missing.

    A run that has no time for every week goes on where it stopped the next day, after the newest week.

    Args:
        connection: in autocommit mode.
        scheduled_at: the run's identity and only clock, aware.
        open_vendor: whom to ask; None asks nobody. What it raises keeps nothing else from being done.
        piece_candles: candles per transaction, about.
        verify_buckets: instrument-minutes a day to hold against ticks that are still kept, in turns; 0: none.
        share_instruments: instruments scanned together.
        most_vendor_days: instrument-days to ask the vendor for, about.
        has_time: asked before each piece of work whether one more, of so many seconds at most, fits.

    Raises:
        Retryable, Permanent: from the database, or what the vendor raised, after all else was done; what was committed
            stays.
    """
    now = floor_minute(scheduled_at)
    beyond = floor_hour(now - WEEK)
    written, pieces_left = _heal(connection, beyond, piece_candles, verify_buckets, has_time)
    pieces_left += count_hours(connection, lambda: has_time(_SECONDS_TO_ASK))
    shares = gaps.plan_shares(connection, share_instruments)
    ledger, weeks_left = _look(connection, beyond, now, shares, has_time)
    healing, backing_off = VendorHealing(), 0
    try:
        vendor = open_vendor()
    except ChandleryError as error:
        vendor, healing.error = None, error
    if vendor is not None:
        due = vendor_days.list_due(connection, vendor.name, now, beyond, most_vendor_days)
        healing = heal_from_vendor(connection, vendor, due, now, lambda: has_time(_SECONDS_TO_ASK / 2))
        ledger += _look_again(connection, beyond, now, shares, healing, has_time)
        backing_off = vendor_days.back_off(connection, vendor.name, list(healing.asked.values()), now)
    if healing.error is not None:
        raise healing.error
    written += healing.written
    still_open = gaps.sum_open(connection)
    return HistoricalGapReport(
        candles_written=written.written,
        candles_revised=written.revised,
        candles_deleted=written.deleted,
        gaps_found=ledger.found,
        gaps_filled=ledger.healed,
        gaps_changed=ledger.changed,
        gaps_open=sum(feed.gaps for feed in still_open),
        minutes_open=sum(feed.minutes for feed in still_open),
        oldest_gap_hours=max(((now - feed.oldest) / HOUR for feed in still_open), default=0.0),
        vendor_days=healing.days,
        vendor_days_left=healing.days_left,
        gaps_backing_off=backing_off,
        pieces_left=pieces_left,
        weeks_left=weeks_left,
    )


def _heal(
    connection: Connection,
    beyond: datetime,
    piece_candles: int,
    verify_buckets: int,
    has_time: Callable[[float], bool],
) -> tuple[Written, int]:
    """From marks first; then whatever differs from its ticks, as far as ticks are kept."""
    source = Source.HISTORICAL_AGGREGATED
    written, left = heal_marked(
        connection,
        Window(_EPOCH, beyond),
        source,
        piece_candles=piece_candles,
        has_time=lambda: has_time(_SECONDS_TO_ASK),
    )
    horizon = gaps.find_tick_horizon(connection)
    if verify_buckets and horizon is not None and horizon < beyond:
        minutes = max(verify_buckets // max(instruments.count(connection), 1), _MINUTES_A_DAY + 1)
        turn = turn_of(Window(horizon, beyond), minutes, _MINUTES_A_DAY)
        written += heal_differing(
            connection, turn, source, piece_candles=piece_candles, has_time=lambda: has_time(_SECONDS_TO_LOOK)
        )
    return written, left


def _look(
    connection: Connection,
    beyond: datetime,
    now: datetime,
    shares: Sequence[Share],
    has_time: Callable[[float], bool],
) -> tuple[Reconciled, int]:
    """Find the gaps of every week from the newest to the first candle; returns what changed, and the weeks left."""
    starts, resume_at = gaps.find_history(connection, COMPONENT)
    if starts is None or starts >= beyond:
        return Reconciled(), 0
    weeks = list(_weeks(starts, beyond, resume_at))
    ledger = Reconciled()
    for done, week in enumerate(weeks):
        if done and not has_time(_SECONDS_TO_ASK):
            gaps.record_scan(connection, COMPONENT, weeks[done - 1], resume_at=week.ends)
            return ledger, len(weeks) - done
        ledger += find_gaps(connection, COMPONENT, week, now, shares=shares, has_time=lambda: True).ledger
    return ledger, 0


def _weeks(starts: datetime, ends: datetime, resume_at: datetime | None) -> Iterator[Window]:
    """The newest week, then the others back to `starts`: from where the last run stopped, if it did.

    Weeks begin on Mondays: were they cut anew each day, a gap over a weekend would be too.
    """
    monday = floor_week(ends)
    if monday < ends:
        yield Window(max(monday, starts), ends)
    if resume_at is not None:
        monday = min(monday, resume_at)
    while monday > starts:
        yield Window(max(monday - WEEK, starts), monday)
        monday -= WEEK


def _look_again(
    connection: Connection,
    beyond: datetime,
    now: datetime,
    shares: Sequence[Share],
    healing: VendorHealing,
    has_time: Callable[[float], bool],
) -> Reconciled:
    """Bring the ledger up to what the vendor filled or explained, where it was asked."""
    if not healing.asked:
        return Reconciled()
    count_hours(connection, lambda: has_time(0))
    touched = [share for share in shares if any(share.first <= each <= share.last for each in healing.asked)]
    starts = floor_week(min(each.window.starts for each in healing.asked.values()))
    ends = min(max(each.window.ends for each in healing.asked.values()) + DAY, beyond)
    ledger = Reconciled()
    while starts < ends and has_time(0):
        week = Window(starts, min(starts + WEEK, ends))
        ledger += find_gaps(connection, COMPONENT, week, now, shares=touched, has_time=lambda: True).ledger
        starts += WEEK
    return ledger
