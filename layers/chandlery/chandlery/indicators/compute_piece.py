"""Bring the stored indicators of some instruments up to their changed candles."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from psycopg import Connection

from chandlery.indicators.extend_series import Standings, extend_series, keep_standings, read_standings
from chandlery.indicators.kept_indicators import KeptIndicators
from chandlery.indicators.numerics.candle_arrays import Candles
from chandlery.indicators.numerics.renewal import ChangedSeries, Renewal, Values, Which, renew
from chandlery.indicators.store import indicators
from chandlery.indicators.store.indicators import MarkedHour, MarkedPiece, StoredValues
from chandlery.indicators.touched import touched
from chandlery.indicators.write_values import Indicated, write_values
from chandlery.reading.store.series import PageWanted, Surroundings, read_around
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import HOUR, MINUTE, floor_hour

# Warm-up is so many candles: to be found in this many times as many buckets around the clock, or in exchange hours;
# where that was too little, in all there are.
_REACHES = (1.5, 10.0)
_LONGEST_BUCKET = timedelta(days=31)
_ALL_THERE_IS = timedelta(days=36_500)
_INSTANT = timedelta(microseconds=1)


def compute_piece(
    connection: Connection,
    piece: MarkedPiece,
    wanted: Sequence[KeptIndicators],
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
    parted = {each for each, until in zip(piece.instrument_ids, piece.untils, strict=True) if until is not None}
    done = Indicated()
    with indicators.taking(connection, piece) as hours:
        open_sessions = indicators.list_open_sessions(connection, piece.instrument_ids, settled)
        for kept in wanted:
            timeframe = kept.timeframe
            of_timeframe = [hour for hour in hours if hour.timeframe in ("", timeframe)]
            closed = _Closed(timeframe, settled, open_sessions)
            indicators.keep_open(connection, timeframe, list(dict.fromkeys(closed.keep(of_timeframe))))
            changed = _stretches(timeframe, of_timeframe, closed, piece)
            stretches = changed if kept_from is None else list(_kept(timeframe, changed, kept_from))
            found = Indicated()
            if stretches and kept.wanted:
                found = _Renewals(connection, kept, at, parted).renew(stretches)
            seen = list(_seen(timeframe, changed, found.latest))
            indicators.mark_signals(connection, timeframe, seen, _edges(of_timeframe))
            done += replace(found, latest={})
        minutes = _edges([each for each in hours if not each.timeframe])
        indicators.mark_signals(
            connection, None, [(number, first, last + HOUR) for number, (first, last) in minutes.items()], minutes
        )
    return done


def _seen(
    timeframe: Timeframe, changed: Sequence[PageWanted], latest: Mapping[int, int]
) -> Iterator[tuple[int, datetime, datetime]]:
    """What changed for who sees it: the candles that are closed, and values of indicators after them."""
    for each in changed:
        value = latest.get(each.instrument_id, 0)
        last = timeframe.next_bucket(_moment(value)) if value else each.first
        yield each.instrument_id, each.first, max(min(each.last, each.until), last)


def _edges(hours: Sequence[MarkedHour]) -> Mapping[int, tuple[datetime, datetime]]:
    """The first and the last hour of each instrument in which minutes changed."""
    edges: dict[int, tuple[datetime, datetime]] = {}
    for each in hours:
        first, last = edges.get(each.instrument_id, (each.hour, each.hour))
        edges[each.instrument_id] = (min(first, each.hour), max(last, each.hour))
    return edges


class _Closed:
    """Up to where buckets of a timeframe are closed, and the live processor has had time for their last minute."""

    def __init__(self, timeframe: Timeframe, settled: datetime, open_sessions: Mapping[int, datetime]) -> None:
        self._timeframe, self._settled = timeframe, settled
        self._opens = open_sessions if timeframe.by_session else {}
        self._floor = timeframe.floor_bucket(settled)

    def until(self, instrument_id: int) -> datetime:
        """The start of an instrument's first bucket that is open."""
        opens = self._opens.get(instrument_id)
        return min(self._floor, self._timeframe.floor_bucket(opens)) if opens else self._floor

    def keep(self, hours: Sequence[MarkedHour]) -> Iterator[tuple[int, datetime, datetime]]:
        """The hours over which a bucket is open, and when they are due again."""
        due_at = self._timeframe.next_bucket(self._settled) + MINUTE
        for each in hours:
            if touched(self._timeframe, each.hour)[1] > self.until(each.instrument_id):
                yield each.instrument_id, self._first_alike(each.hour), due_at

    def _first_alike(self, hour: datetime) -> datetime:
        """The first hour that touches the same buckets, so that a bucket's hours leave one mark."""
        timeframe = Timeframe.D1 if self._timeframe.by_session else self._timeframe
        return min(hour, floor_hour(timeframe.floor_bucket(hour)))


def _stretches(
    timeframe: Timeframe, hours: Sequence[MarkedHour], closed: _Closed, piece: MarkedPiece
) -> Sequence[PageWanted]:
    """From the first to the last changed bucket of each instrument, as far as they are closed."""
    edges: dict[int, tuple[datetime, datetime]] = {}
    for each in hours:
        first, last = touched(timeframe, each.hour)
        known = edges.get(each.instrument_id)
        edges[each.instrument_id] = (min(first, known[0]), max(last, known[1])) if known else (first, last)
    next_pieces = dict(zip(piece.instrument_ids, piece.untils, strict=True))
    found = []
    for instrument_id, (first, last) in edges.items():
        until = closed.until(instrument_id)
        if (next_piece := next_pieces[instrument_id]) is not None:
            until = min(until, touched(timeframe, next_piece)[0])
        if first < until:
            found.append(PageWanted(instrument_id, first, last, until))
    return found


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

    def __init__(self, connection: Connection, kept: KeptIndicators, at: datetime, parted: Collection[int]) -> None:
        """`parted` are instruments of which another piece comes later."""
        self._connection, self._kept, self._at, self._parted = connection, kept, at, parted

    def renew(self, stretches: Sequence[PageWanted]) -> Indicated:
        """Write what the stretches change: from where values stand, or with the usual warm-up, or with more."""
        standings = read_standings(self._connection, self._kept, stretches)
        done, stretches = extend_series(self._connection, self._kept, standings, stretches, self._at)
        before: Sequence[float | None] = (*_REACHES, None)
        level, everything_after = 0, False
        while stretches:
            series = self._read(stretches, before[level], None if everything_after else self._kept.warm_up)
            renewals = self._look(stretches, series)
            # Whole or not at all: the indicators of a stretch share its candles.
            earlier = np.any([each.needs_earlier for each in renewals], axis=0)
            later = np.any([each.needs_later for each in renewals], axis=0) & ~earlier
            done += self._write(standings, stretches, series, renewals, ~earlier & ~later)
            level += bool(earlier.any())
            everything_after = everything_after or bool(later.any())
            stretches = [stretches[place] for which in (earlier, later) for place in np.flatnonzero(which)]
        return done

    def _read(
        self, stretches: Sequence[PageWanted], reach: float | None, beyond: int | None
    ) -> Sequence[ChangedSeries]:
        timeframe, warm_up = self._kept.timeframe, self._kept.warm_up
        width = timeframe.width or _LONGEST_BUCKET
        candles = read_around(
            self._connection,
            timeframe,
            stretches,
            sinces=[_since(each.first, reach * warm_up * width) if reach else None for each in stretches],
            before=warm_up if reach else None,
            beyond=beyond,
        )
        return [_series(stretch, candles.get(place), beyond) for place, stretch in enumerate(stretches)]

    def _look(self, stretches: Sequence[PageWanted], series: Sequence[ChangedSeries]) -> Sequence[Renewal]:
        """The renewals of each indicator."""
        stored = indicators.read_values(
            self._connection,
            self._kept.numbers,
            [each.instrument_id for each in stretches],
            [_moment(_starts(each)) for each in series],
            # No candle of a bucket that is open was read, or of the next piece: what is stored there stays.
            [
                max(_moment(_ends(each)), min(stretch.last, stretch.until) - _INSTANT)
                for each, stretch in zip(series, stretches, strict=True)
            ],
        )
        return [
            renew(each, memory, series, _values(stored.get(number)))
            for number, (each, memory) in zip(self._kept.numbers, self._kept.pairs, strict=True)
        ]

    def _write(
        self,
        standings: Standings,
        stretches: Sequence[PageWanted],
        series: Sequence[ChangedSeries],
        renewals: Sequence[Renewal],
        which: Which,
    ) -> Indicated:
        ids = np.array([each.instrument_id for each in stretches])
        done = write_values(self._connection, self._kept, ids, renewals, which, self._at)
        # Of a parted one another piece does the hours that come later.
        ends = [
            replace(each, ends=each.ends and number not in self._parted)
            for number, each in zip(ids, series, strict=True)
        ]
        keep_standings(
            self._connection, self._kept, standings, list(zip(ids.tolist(), ends, strict=True)), renewals, which
        )
        return done


def _values(stored: StoredValues | None) -> Values:
    if stored is None:
        return Values.none()
    return Values(stored.stretches, stored.times, stored.made_from, stored.outputs)


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
