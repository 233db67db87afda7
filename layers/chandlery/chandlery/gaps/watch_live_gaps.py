"""The live gap monitor's job: heal from ticks what is 24 hours to 7 days old, and report on the last 7 days."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.candles import CANDLES
from chandlery.gaps.domain.coverage import coverage_of
from chandlery.gaps.find_gaps import Found, count_hours, count_open, find_gaps, list_watched, oldest_hours
from chandlery.gaps.store import scans
from chandlery.gaps.store.scans import FeedMinutes, OpenGaps
from chandlery.minutes.domain.source import Source
from chandlery.minutes.heal_from_ticks import heal_differing, heal_marked
from chandlery.minutes.store import candles
from chandlery.platform.domain.limits import COUNT_PIECE_HOURS, LATENCY_SECONDS
from chandlery.reference.store import feeds, instruments
from chandlery.reference.store import feeds as feed_store
from chandlery.reference.store.feeds import FeedLatency, FeedSilence
from chandlery.words.window import DAY, HOUR, MINUTE, WEEK, Window, epoch_minute, floor_hour, floor_minute, turn_of

COMPONENT = "live_gap_monitor"
EVERY_MINUTES = 5
_MOST_NAMES = 20
_SOURCE = Source.LIVE_GAP_FILLED
# A slice to verify is at least this long, however many instruments there are.
_SHORTEST_TURN = 2 * EVERY_MINUTES


@dataclass(frozen=True)
class FeedReport:
    """How complete a feed is; `silent_seconds` since its last tick, null out of session.

    Coverage, from 0 to 1, has neither open minutes nor those not judged: silences of instruments that did not trade
    in the whole 7 days.
    """

    feed: str
    coverage_24h: float
    coverage_7d: float
    minutes_not_judged: int
    gaps_open: int
    minutes_open: int
    oldest_gap_hours: float
    silent_seconds: float | None


@dataclass(frozen=True)
class LiveGapReport:
    """What one look at the last 7 days came to; gaps are rows of the ledger.

    They are of all data sets, and `gaps_open_of` counts the open ones of each that has any; coverage and feeds are
    those of candles.
    Coverage runs from 0 to 1, `minutes_not_judged` are those of the 7 days; null, and no feeds, where time did not
    suffice for every instrument.
    `silent_instruments` names those that are silent right now, implausibly, while their feed lives; `ending_calendars`
    those in use whose sessions end within 30 days. `candles_behind_seconds` are the open hours since the newest candle,
    of the feed and calendar furthest behind; null where none is expected to have candles. `candles_last_hour` counts
    those of the last hour by source. `feed_latencies` say how late ticks came in the last five minutes,
    `latency_p99_seconds` is the longest of them, null where none came; `late_feeds` are those beyond the limit.
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
    coverage_24h: float | None
    coverage_7d: float | None
    minutes_not_judged: int | None
    pieces_left: int
    shares_left: int
    ending_calendars: Sequence[str]
    silent_instruments: Sequence[str]
    candles_behind_seconds: float | None
    candles_last_hour: Mapping[str, int]
    latency_p99_seconds: float | None
    late_feeds: Sequence[str]
    feed_latencies: Sequence[FeedLatency]
    feeds: Sequence[FeedReport]

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
        )


def watch_live_gaps(
    connection: Connection,
    scheduled_at: datetime,
    *,
    piece_candles: int,
    verify_buckets: int,
    share_instruments: int,
    has_time: Callable[[], bool],
    most_pieces: int | None = None,
    count_piece_hours: int = COUNT_PIECE_HOURS,
    latency_limit: float = LATENCY_SECONDS,
) -> LiveGapReport:
    """Heal, count, find gaps, report.

    Buckets that the live run before this one had to aggregate are due: those that ended a minute ago or earlier.

    Args:
        connection: in autocommit mode.
        scheduled_at: the run's identity and only clock, aware.
        piece_candles: candles per transaction, about.
        verify_buckets: instrument-minutes to hold against their ticks; the six days are covered in turns. 0: none.
        share_instruments: instruments scanned together.
        has_time: asked before each piece of work whether another one fits.
        most_pieces: transactions of healing from marks, at most; None: as many as there is time for.
        count_piece_hours: instrument-hours counted in one transaction, about.
        latency_limit: seconds within which 99 of 100 ticks of a feed are to come.

    Raises:
        Retryable, Permanent: from the database; what was committed stays.
    """
    now = floor_minute(scheduled_at)
    older = Window(now - WEEK, now - DAY)
    written, pieces_left = heal_marked(
        connection, older, _SOURCE, piece_candles=piece_candles, has_time=has_time, most_pieces=most_pieces
    )
    if verify_buckets:
        minutes = max(verify_buckets // max(instruments.count(connection), 1), _SHORTEST_TURN)
        turn = turn_of(older, minutes, EVERY_MINUTES)
        # Its newest minutes have had their turn in the run before.
        turn = Window(turn.starts, turn.ends - EVERY_MINUTES * MINUTE)
        written += heal_differing(connection, turn, _SOURCE, piece_candles=piece_candles, has_time=has_time)
    shares = scans.plan_shares(connection, share_instruments)
    # A run that has no time for all of them begins with others than the last one did.
    first = epoch_minute(now) // EVERY_MINUTES % max(len(shares), 1)
    looked, hours_left = dict[str, Found](), 0
    for dataset in list_watched(connection):
        uncounted = count_hours(connection, has_time, count_piece_hours, dataset=dataset)
        looked[dataset.name] = find_gaps(
            connection,
            COMPONENT,
            Window(floor_hour(now - WEEK), now - MINUTE),
            now,
            shares=[*shares[first:], *shares[:first]],
            # Rows that are not counted yet would be taken for missing ones.
            has_time=_never if uncounted else has_time,
            dataset=dataset,
        )
        hours_left += uncounted
    found = looked[CANDLES.name]
    open_of = scans.sum_open(connection, declared.watched(), now)
    still_open = [feed for feeds in open_of.values() for feed in feeds]
    latencies = feed_store.list_feed_latency(connection, now)
    return LiveGapReport(
        candles_written=written.written,
        candles_revised=written.revised,
        candles_deleted=written.deleted,
        gaps_found=sum(each.ledger.found for each in looked.values()),
        gaps_filled=sum(each.ledger.healed for each in looked.values()),
        gaps_changed=sum(each.ledger.changed for each in looked.values()),
        gaps_open=sum(feed.gaps for feed in still_open),
        gaps_open_of=count_open(open_of),
        minutes_open=sum(feed.minutes for feed in still_open),
        oldest_gap_hours=oldest_hours(now, still_open),
        coverage_24h=_coverage(found, _of_day),
        coverage_7d=_coverage(found, _of_week),
        minutes_not_judged=None if found.shares_left else sum(feed.not_judged_week for feed in found.feeds),
        pieces_left=pieces_left + hours_left,
        shares_left=sum(each.shares_left for each in looked.values()),
        ending_calendars=scans.list_ending_calendars(connection, now),
        silent_instruments=scans.list_silent_instruments(connection, declared.watched(), now - MINUTE, _MOST_NAMES),
        candles_behind_seconds=max(
            (each.behind_seconds for each in feeds.list_freshness(connection, now)), default=None
        ),
        candles_last_hour=candles.count_sources(connection, Window(now - HOUR, now)),
        latency_p99_seconds=max((each.latency_p99_seconds for each in latencies), default=None),
        late_feeds=[each.feed for each in latencies if each.latency_p99_seconds > latency_limit],
        feed_latencies=latencies,
        feeds=[]
        if found.shares_left
        else _by_feed(now, found.feeds, open_of[CANDLES.name], feed_store.list_feed_silence(connection, now)),
    )


def _never() -> bool:
    return False


def _coverage(found: Found, minutes_of: Callable[[FeedMinutes], tuple[int, int]]) -> float | None:
    if found.shares_left:
        return None
    minutes = [minutes_of(feed) for feed in found.feeds]
    return coverage_of(sum(expected for expected, _ in minutes), sum(without for _, without in minutes))


def _of_day(feed: FeedMinutes) -> tuple[int, int]:
    """Minutes expected, and those of them that are not covered."""
    return feed.expected_day, feed.open_day + feed.not_judged_day


def _of_week(feed: FeedMinutes) -> tuple[int, int]:
    return feed.expected_week, feed.open_week + feed.not_judged_week


def _by_feed(
    now: datetime, minutes: Sequence[FeedMinutes], still_open: Sequence[OpenGaps], silent: Sequence[FeedSilence]
) -> Sequence[FeedReport]:
    open_of = {each.feed: each for each in still_open}
    silence_of = {each.feed: each.silent_seconds for each in silent}
    return [
        FeedReport(
            feed=each.feed,
            coverage_24h=coverage_of(*_of_day(each)),
            coverage_7d=coverage_of(*_of_week(each)),
            minutes_not_judged=each.not_judged_week,
            gaps_open=open_of[each.feed].gaps if each.feed in open_of else 0,
            minutes_open=open_of[each.feed].minutes if each.feed in open_of else 0,
            oldest_gap_hours=oldest_hours(now, [open_of[each.feed]] if each.feed in open_of else []),
            silent_seconds=silence_of.get(each.feed),
        )
        for each in minutes
    ]
