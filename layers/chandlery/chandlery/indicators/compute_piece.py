"""Bring the stored indicators of some instruments up to their changed candles."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from chandlery.indicators.numerics.candle_arrays import Candles
from chandlery.indicators.numerics.functions import LIBRARY, Indicator
from chandlery.indicators.numerics.memory import memory_of
from chandlery.indicators.numerics.renewal import OUTPUTS, ChangedSeries, Renewal, Values, renew
from chandlery.indicators.store import indicators
from chandlery.indicators.store.indicators import MarkedHour, MarkedPiece, Named, Rows, ValueArrays
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
        done: list[tuple[PageWanted, int, Renewal]] = []
        before: Sequence[float | None] = (*_REACHES, None)
        level, everything_after = 0, False
        while stretches:
            beyond = None if everything_after else self._warm_up
            earlier, later = [], []
            for stretch, renewals in self._look(stretches, before[level], beyond):
                # Whole or not at all: the indicators of a stretch share its candles.
                if any(each.needs_earlier for each in renewals):
                    earlier.append(stretch)
                elif any(each.needs_later for each in renewals):
                    later.append(stretch)
                else:
                    done += [(stretch, place, each) for place, each in enumerate(renewals)]
            stretches = [*earlier, *later]
            level += bool(earlier)
            everything_after = everything_after or bool(later)
        return self._write(done)

    def _look(
        self, stretches: Sequence[PageWanted], reach: float | None, beyond: int | None
    ) -> Iterator[tuple[PageWanted, Sequence[Renewal]]]:
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
        for place, (stretch, series) in enumerate(zip(stretches, found, strict=True)):
            yield (
                stretch,
                [
                    renew(each, self._memories[at], series, _values(stored.get((place, at))))
                    for at, each in enumerate(self._wanted)
                ],
            )

    def _write(self, done: Sequence[tuple[PageWanted, int, Renewal]]) -> Indicated:
        written = [
            (stretch.instrument_id, place, each.written) for stretch, place, each in done if len(each.written.time)
        ]
        deleted = [(stretch.instrument_id, place, each.deleted) for stretch, place, each in done if len(each.deleted)]
        if deleted:
            rows = _rows([(instrument_id, place, times) for instrument_id, place, times in deleted])
            indicators.delete(self._connection, self._timeframe, self._named, rows)
        if written:
            rows = _rows([(instrument_id, place, values.time) for instrument_id, place, values in written])
            made_from = np.concatenate([each.made_from for _, _, each in written])
            outputs = [np.concatenate([each.outputs[place] for _, _, each in written]) for place in range(OUTPUTS)]
            rows = replace(rows, made_from=made_from, outputs=outputs)
            indicators.write(self._connection, self._timeframe, self._named, rows, made_by=LIBRARY, made_at=self._at)
        new, rows_written = sum(each.new for _, _, each in done), sum(len(each.time) for _, _, each in written)
        return Indicated(new, rows_written - new, sum(len(times) for _, _, times in deleted), len(done))


def _since(first: datetime, reach: timedelta) -> datetime | None:
    return first - reach if reach < _ALL_THERE_IS else None


def _series(stretch: PageWanted, found: Surroundings | None, beyond: int | None) -> ChangedSeries:
    """The candles read; the series ends with them where all were asked for, or fewer found than asked for."""
    candles, later, begins = (found.candles, found.beyond, found.begins) if found else (Candles.none(), 0, True)
    first, last = int(stretch.first.timestamp()), int(stretch.last.timestamp())
    return ChangedSeries(candles, first, last, begins=begins, ends=beyond is None or later < beyond)


def _starts(series: ChangedSeries) -> int:
    """The candle before the first changed bucket, where a sum goes on from."""
    place = int(np.searchsorted(series.candles.time, series.first))
    return int(series.candles.time[place - 1]) if place else series.first


def _ends(series: ChangedSeries) -> int:
    return int(series.candles.time[-1]) if len(series.candles) else series.first


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _values(arrays: ValueArrays | None) -> Values:
    return _NO_VALUES if arrays is None else Values(arrays.time, arrays.made_from, arrays.outputs)


def _rows(parts: Sequence[tuple[int, int, NDArray[np.int64]]]) -> Rows:
    """Keys of rows: each part is of one instrument and one indicator."""
    lengths = [len(times) for _, _, times in parts]
    return Rows(
        np.repeat([instrument_id for instrument_id, _, _ in parts], lengths),
        np.repeat([place for _, place, _ in parts], lengths),
        np.concatenate([times for _, _, times in parts]),
    )
