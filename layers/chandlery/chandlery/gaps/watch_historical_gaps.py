"""The historical gap monitor's job: beyond 7 days, heal from ticks that are still kept, else from the vendor."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.candles import CANDLES
from chandlery.gaps.find_gaps import count_hours, count_open, list_watched, oldest_hours
from chandlery.gaps.heal_from_vendor import heal_from_vendor
from chandlery.gaps.look_back import SECONDS_TO_ASK, History, Progress, look, look_again
from chandlery.gaps.store import scans, vendor_days
from chandlery.gaps.store.scans import Reconciled
from chandlery.minutes.domain.source import Source
from chandlery.minutes.heal_from_ticks import heal_differing, heal_marked
from chandlery.minutes.store.candles import Written
from chandlery.platform.domain.limits import COUNT_PIECE_HOURS, VENDOR_REFUSALS
from chandlery.platform.errors import ChandleryError
from chandlery.reference.store import instruments
from chandlery.vendors.domain.vendor import Vendor
from chandlery.words.window import WEEK, Window, floor_hour, floor_minute, turn_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTES_A_DAY = 1440
_SOURCE = Source.HISTORICAL_AGGREGATED
# What is kept back for what follows: verifying must leave time to look, looking must leave time to ask.
_SECONDS_TO_LOOK = 600.0


@dataclass(frozen=True)
class HistoricalGapReport:
    """What one look beyond 7 days came to; gaps are rows of the ledger.

    They are of all data sets; `gaps_open_of` counts the open ones of each that has any.
    `vendor_days` were answered by the vendor, `vendor_days_left` are to be asked for again.
    """

    candles_written: int
    candles_revised: int
    candles_deleted: int
    gaps_found: int
    gaps_filled: int
    gaps_changed: int
    gaps_open: int
    gaps_open_of: Mapping[str, int]
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
            or self.vendor_days
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
    most_pieces: int | None = None,
    most_weeks: int | None = None,
    most_refusals: int = VENDOR_REFUSALS,
    count_piece_hours: int = COUNT_PIECE_HOURS,
    progress: Progress = lambda _what, _done, _total: None,
) -> HistoricalGapReport:
    """Heal from ticks, find gaps week by week, ask the vendor for what is still missing.

    Weeks in which no candle is expected, and no gap is open, are passed over.

    A run that has no time for every week goes on where it stopped the next day, after the newest week.

    Args:
        connection: in autocommit mode.
        scheduled_at: the run's identity and only clock, aware.
        open_vendor: whom to ask; None asks nobody. What it raises keeps nothing else from being done.
        piece_candles: candles per transaction, about.
        verify_buckets: instrument-minutes a day to hold against ticks that are still kept, in turns; 0: none.
        share_instruments: instruments scanned together.
        most_vendor_days: instrument-days to ask the vendor for, at most.
        has_time: asked before each piece of work whether one more, of so many seconds at most, fits.
        most_pieces: transactions of healing from marks, at most; None: as many as there is time for.
        most_weeks: weeks to look for gaps in, at most; None: as many as there is time for.
        most_refusals: instruments the vendor refuses on end after which it is asked no more.
        count_piece_hours: instrument-hours counted in one transaction, about.
        progress: told of each week that is looked at.

    Raises:
        Retryable, Permanent: from the database, or what the vendor raised, after all else was done; what was committed
            stays.
    """
    now = floor_minute(scheduled_at)
    beyond = floor_hour(now - WEEK)
    written, pieces_left = heal_marked(
        connection,
        Window(_EPOCH, beyond),
        _SOURCE,
        piece_candles=piece_candles,
        has_time=lambda: has_time(SECONDS_TO_ASK),
        most_pieces=most_pieces,
    )
    written += _verify(connection, beyond, piece_candles, verify_buckets, has_time)
    shares = scans.plan_shares(connection, share_instruments)
    histories, ledger, hours_left, weeks_left = dict[str, History](), Reconciled(), 0, 0
    for dataset in list_watched(connection):
        uncounted = count_hours(connection, lambda: has_time(SECONDS_TO_ASK), count_piece_hours, dataset=dataset)
        histories[dataset.name] = history = History(
            connection, dataset, now, beyond, shares, count_piece_hours, progress
        )
        # Rows that are not counted yet would be taken for missing ones.
        changed, left = (Reconciled(), len(history.weeks)) if uncounted else look(history, most_weeks, has_time)
        ledger += changed
        hours_left += uncounted
        weeks_left += left
    # Candles are what vendors have.
    answers = _ask(histories[CANDLES.name], open_vendor, most_vendor_days, most_refusals, has_time)
    written += answers.written
    ledger += answers.ledger
    open_of = scans.sum_open(connection, declared.watched(), now)
    still_open = [feed for feeds in open_of.values() for feed in feeds]
    report = HistoricalGapReport(
        candles_written=written.written,
        candles_revised=written.revised,
        candles_deleted=written.deleted,
        gaps_found=ledger.found,
        gaps_filled=ledger.healed,
        gaps_changed=ledger.changed,
        gaps_open=sum(feed.gaps for feed in still_open),
        gaps_open_of=count_open(open_of),
        minutes_open=sum(feed.minutes for feed in still_open),
        oldest_gap_hours=oldest_hours(now, still_open),
        vendor_days=answers.days,
        vendor_days_left=answers.days_left,
        gaps_backing_off=answers.gaps_backing_off,
        pieces_left=pieces_left + hours_left,
        weeks_left=weeks_left,
    )
    if answers.error is not None:
        answers.error.report = report
        raise answers.error
    return report


@dataclass(frozen=True)
class _Answers:
    """What asking the vendor came to; an error is for the run to raise once all else is done."""

    written: Written = field(default_factory=Written)
    ledger: Reconciled = field(default_factory=Reconciled)
    days: int = 0
    days_left: int = 0
    gaps_backing_off: int = 0
    error: ChandleryError | None = None


def _verify(
    connection: Connection, beyond: datetime, piece_candles: int, verify_buckets: int, has_time: Callable[[float], bool]
) -> Written:
    """Whatever differs from its ticks, in turns, as far as ticks are kept."""
    horizon = scans.find_tick_horizon(connection)
    if not verify_buckets or horizon is None or horizon >= beyond:
        return Written()
    minutes = max(verify_buckets // max(instruments.count(connection), 1), 2 * _MINUTES_A_DAY)
    turn = turn_of(Window(horizon, beyond), minutes, _MINUTES_A_DAY)
    return heal_differing(
        connection, turn, _SOURCE, piece_candles=piece_candles, has_time=lambda: has_time(_SECONDS_TO_LOOK)
    )


def _ask(
    history: History,
    open_vendor: Callable[[], Vendor | None],
    most_days: int,
    most_refusals: int,
    has_time: Callable[[float], bool],
) -> _Answers:
    """Ask the vendor for what is due, bring the ledger up to what it said, and let the rest wait."""
    connection, now = history.connection, history.now
    try:
        vendor = open_vendor()
    except ChandleryError as error:
        return _Answers(error=error)
    if vendor is None:
        return _Answers()
    due = vendor_days.list_due(connection, vendor.name, now, history.beyond, most_days)
    healing = heal_from_vendor(
        connection, vendor, due, now, lambda: has_time(SECONDS_TO_ASK / 2), most_refusals=most_refusals
    )
    ledger, whole = look_again(history, healing.asked, has_time)
    # A gap that the vendor may have filled waits for the next run to say so.
    backing_off = vendor_days.back_off(connection, vendor.name, healing.asked, now, history.beyond) if whole else 0
    return _Answers(
        written=healing.written,
        ledger=ledger,
        days=len(healing.asked),
        days_left=due[0].days_due - len(healing.asked) if due else 0,
        gaps_backing_off=backing_off,
        error=healing.error,
    )
