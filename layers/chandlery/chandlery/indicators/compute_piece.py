"""Bring the stored indicators of some instruments up to their changed candles."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
from psycopg import Connection

from chandlery.indicators.numerics.candle_arrays import Candles
from chandlery.indicators.numerics.functions import LIBRARY, Indicator
from chandlery.indicators.numerics.memory import memory_of
from chandlery.indicators.numerics.renewal import ChangedSeries, Places, Renewal, Values, Which, renew
from chandlery.indicators.store import indicators
from chandlery.indicators.store.indicators import MarkedHour, MarkedPiece, Named, Rows
from chandlery.reading.store.series import PageWanted, Surroundings, read_around
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, HOUR, MINUTE, floor_hour

# How far a session's hours may lie from the midnight of its date: over midnight UTC, and over a weekend with holidays.
_DATE_BEFORE, _DATE_AFTER = DAY, 3 * DAY
# Warm-up is so many candles: to be found in this many times as many buckets around the clock, or in exchange hours;
# where that was too little, in all there are.
_REACHES = (1.5, 10.0)
_LONGEST_BUCKET = timedelta(days=31)
_ALL_THERE_IS = timedelta(days=36_500)
_NO_VALUES = Values.none()


@dataclass(frozen=True)
class Indicated:
    """What was done, in rows, and in series of one indicator that were looked at."""

    written: int = 0
    changed: int = 0
    deleted: int = 0
    series: int = 0

    def __add__(self, other: "Indicated") -> "Indicated":
        """Both together."""
        return Indicated(
            self.written + other.written,
            self.changed + other.changed,
            self.deleted + other.deleted,
            self.series + other.series,
        )


def compute_piece(
    connection: Connection,
    piece: MarkedPiece,
    wanted: Mapping[Timeframe, Sequence[Indicator]],
    at: datetime,
    kept_from: datetime | None = None,
) -> Indicated:
    """Take the marked hours of a piece and write the values they change, in one transaction.

    Candles that change meanwhile leave marks of their own. Before `kept_from` nothing is written; what changed there
    may change values after it.

    Raises:
        Retryable, Permanent: from the database; marks and values are then as they were.
    """
    settled = at - MINUTE
    done = Indicated()
    with indicators.taking(connection, piece) as hours:
        open_sessions = indicators.list_open_sessions(connection, piece.instrument_ids, settled)
        for timeframe, each_wanted in wanted.items():
            of_timeframe = [hour for hour in hours if hour.timeframe in ("", timeframe)]
            closed = _Closed(timeframe, settled, open_sessions)
            kept = dict.fromkeys(closed.keep(of_timeframe))
            indicators.keep_open(connection, timeframe, list(kept))
            stretches = _stretches(timeframe, of_timeframe, closed, piece)
            if kept_from is not None:
                stretches = list(_kept(timeframe, stretches, kept_from))
            if stretches:
                done += _Renewals(connection, timeframe, each_wanted, at).renew(stretches)
    return done


class _Closed:
    """Up to where buckets of a timeframe are closed, and the live processor has had time for their last minute."""

    def __init__(self, timeframe: Timeframe, settled: datetime, open_sessions: Mapping[int, datetime]) -> None:
        self._timeframe, self._settled, self._open_sessions = timeframe, settled, open_sessions
        self._floor = timeframe.floor_bucket(settled)

    def until(self, instrument_id: int) -> datetime:
        """The start of an instrument's first bucket that is open."""
        if not self._timeframe.by_session or instrument_id not in self._open_sessions:
            return self._floor
        return min(self._floor, self._timeframe.floor_bucket(self._open_sessions[instrument_id]))

    def keep(self, hours: Sequence[MarkedHour]) -> Iterator[tuple[int, datetime, datetime]]:
        """The hours over which a bucket is open, and when they are due again."""
        due_at = self._timeframe.next_bucket(self._settled) + MINUTE
        for each in hours:
            if _touched(self._timeframe, each.hour)[1] > self.until(each.instrument_id):
                yield each.instrument_id, self._first_alike(each.hour), due_at

    def _first_alike(self, hour: datetime) -> datetime:
        """The first hour that touches the same buckets, so that a bucket's hours leave one mark."""
        timeframe = Timeframe.D1 if self._timeframe.by_session else self._timeframe
        return min(hour, floor_hour(timeframe.floor_bucket(hour)))


@lru_cache(maxsize=4096)
def _touched(timeframe: Timeframe, hour: datetime) -> tuple[datetime, datetime]:
    """The buckets that candles of an hour may lie in: where the first starts, and where the last ends."""
    if timeframe.by_session:
        return timeframe.floor_bucket(hour - _DATE_BEFORE), timeframe.next_bucket(hour + _DATE_AFTER)
    return timeframe.floor_bucket(hour), timeframe.ceil_bucket(hour + HOUR)


def _stretches(
    timeframe: Timeframe, hours: Sequence[MarkedHour], closed: _Closed, piece: MarkedPiece
) -> Sequence[PageWanted]:
    """From the first to the last changed bucket of each instrument, as far as they are closed."""
    untils = dict(zip(piece.instrument_ids, piece.untils, strict=True))
    found: dict[int, PageWanted] = {}
    for each in hours:
        first, last = _touched(timeframe, each.hour)
        known, until = found.get(each.instrument_id), closed.until(each.instrument_id)
        if (next_piece := untils[each.instrument_id]) is not None:
            until = min(until, _touched(timeframe, next_piece)[0])
        first, last = (min(first, known.first), max(last, known.last)) if known else (first, last)
        found[each.instrument_id] = PageWanted(each.instrument_id, first, last, until)
    return [each for each in found.values() if each.first < each.until]


def _kept(timeframe: Timeframe, stretches: Sequence[PageWanted], kept_from: datetime) -> Iterator[PageWanted]:
    """The stretches from where values are kept on; what lies before it counts as a change of the first bucket there."""
    first = timeframe.ceil_bucket(kept_from)
    for each in stretches:
        if each.first >= first:
            yield each
        elif first < each.until:
            yield replace(each, first=first, last=max(each.last, timeframe.next_bucket(first)))


class _Renewals:
    """The stretches of one timeframe, with all its indicators."""

    def __init__(self, connection: Connection, timeframe: Timeframe, wanted: Sequence[Indicator], at: datetime) -> None:
        self._connection, self._timeframe, self._wanted, self._at = connection, timeframe, wanted, at
        self._named = Named([each.name for each in wanted], [each.parameters for each in wanted])
        self._memories = [memory_of(each) for each in wanted]
        self._warm_up = max(each.usual for each in self._memories)

    def renew(self, stretches: Sequence[PageWanted]) -> Indicated:
        """Write what the stretches change: with the usual warm-up, and as much after them, or with more."""
        done = Indicated()
        before: Sequence[float | None] = (*_REACHES, None)
        level, everything_after = 0, False
        while stretches:
            renewals = self._look(stretches, before[level], None if everything_after else self._warm_up)
            # Whole or not at all: the indicators of a stretch share its candles.
            earlier = np.any([each.needs_earlier for each in renewals], axis=0)
            later = np.any([each.needs_later for each in renewals], axis=0) & ~earlier
            done += self._write(stretches, renewals, ~earlier & ~later)
            level += bool(earlier.any())
            everything_after = everything_after or bool(later.any())
            stretches = [stretches[place] for which in (earlier, later) for place in np.flatnonzero(which)]
        return done

    def _look(self, stretches: Sequence[PageWanted], reach: float | None, beyond: int | None) -> Sequence[Renewal]:
        """The renewals of each indicator."""
        width = self._timeframe.width or _LONGEST_BUCKET
        candles = read_around(
            self._connection,
            self._timeframe,
            stretches,
            sinces=[_since(each.first, reach * self._warm_up * width) if reach else None for each in stretches],
            before=self._warm_up if reach else None,
            beyond=beyond,
        )
        found = [_series(stretch, candles.get(place), beyond) for place, stretch in enumerate(stretches)]
        stored = indicators.read_values(
            self._connection,
            self._timeframe,
            self._named,
            [each.instrument_id for each in stretches],
            [_moment(_starts(series)) for series in found],
            [max(_moment(_ends(series)), stretch.last) for series, stretch in zip(found, stretches, strict=True)],
        )
        return [
            renew(each, memory, found, stored.get(place, _NO_VALUES))
            for place, (each, memory) in enumerate(zip(self._wanted, self._memories, strict=True))
        ]

    def _write(self, stretches: Sequence[PageWanted], renewals: Sequence[Renewal], which: Which) -> Indicated:
        """Write what the renewals of the chosen stretches ask for."""
        ids = np.array([each.instrument_id for each in stretches])
        written = [each.written.at(which[each.written.series]) for each in renewals]
        new = np.concatenate([each.new[which[each.written.series]] for each in renewals])
        deleted = _rows(ids, [each.deleted.at(which[each.deleted.series]) for each in renewals])
        rows = _rows(ids, written)
        indicators.delete(self._connection, self._timeframe, self._named, deleted)
        for some, insert in ((new, indicators.insert), (~new, indicators.replace)):
            insert(self._connection, self._timeframe, self._named, rows.at(some), made_by=LIBRARY, made_at=self._at)
        changed = np.count_nonzero(~new)
        return Indicated(len(rows) - changed, changed, len(deleted), int(np.count_nonzero(which)) * len(renewals))


def _since(first: datetime, reach: timedelta) -> datetime | None:
    return first - reach if reach < _ALL_THERE_IS else None


def _series(stretch: PageWanted, found: Surroundings | None, beyond: int | None) -> ChangedSeries:
    """The candles read; the series ends with them where all were asked for, or fewer found than asked for."""
    candles, later, begins = (found.candles, found.beyond, found.begins) if found else (Candles.none(), 0, True)
    first, last = int(stretch.first.timestamp()), int(stretch.last.timestamp())
    return ChangedSeries(candles, first, last, begins=begins, ends=beyond is None or later < beyond)


def _starts(series: ChangedSeries) -> int:
    """The candle before the first changed bucket, where a sum goes on from."""
    return int(series.candles.time[series.place - 1]) if series.place else series.first


def _ends(series: ChangedSeries) -> int:
    return int(series.candles.time[-1]) if len(series.candles) else series.first


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _rows(instrument_ids: Places, values: Sequence[Values]) -> Rows:
    """Rows of the values of each indicator."""
    return Rows(
        instrument_ids[np.concatenate([each.series for each in values])],
        np.repeat(np.arange(len(values)), [len(each) for each in values]),
        np.concatenate([each.time for each in values]),
        np.concatenate([each.made_from for each in values]),
        [np.concatenate(output) for output in zip(*(each.outputs for each in values), strict=True)],
    )
