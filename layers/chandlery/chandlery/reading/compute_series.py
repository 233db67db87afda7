"""Compute indicators over an instrument's candles when somebody asks. Needs numpy and TA-Lib."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from psycopg import Connection

from chandlery.indicators.numerics.candle_arrays import Floats, SessionCandles, Whole
from chandlery.indicators.numerics.catalogue import Prepared
from chandlery.indicators.numerics.prepared import floats
from chandlery.platform.errors import Refused
from chandlery.reading.reach import find_open_buckets, looked_to
from chandlery.reading.store.series import read_series
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.counting import spell
from chandlery.words.hours import Hours, most_folded
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, EARLIEST, MINUTE, Window

# How much further is read where a smoothing has not yet forgotten where it began.
_FURTHER = 4


def most_candles(timeframe: Timeframe, hours: Hours, most_rows: int) -> int:
    """How many candles may be read where so many rows may be: of those that are folded, minutes."""
    return most_folded(timeframe, most_rows) if hours.are_folded(timeframe) else most_rows


@dataclass(frozen=True)
class SeriesQuery:
    """What to compute: over the candles whose buckets start in [starts, ends), the newest `most` of them.

    Attributes:
        starts: aware; None: as many as `most` says.
        ends: aware.
        most: candles in the answer.
        whole: whether more candles than `most` in the stretch are refused, instead of cut off.
        most_rows: candles that may be read, warm-up included; of regular hours, minutes that they are folded from.
        indicators: each made ready with its parameters.
        hours: which the candles are made of.
    """

    timeframe: Timeframe
    starts: datetime | None
    ends: datetime
    most: int
    whole: bool
    most_rows: int
    indicators: Sequence[Prepared]
    hours: Hours = Hours.ALL

    @property
    def folded(self) -> bool:
        """Whether candles are folded from minutes when read."""
        return self.hours.are_folded(self.timeframe)

    @property
    def most_candles(self) -> int:
        """How many candles `most_rows` allows to read."""
        return most_candles(self.timeframe, self.hours, self.most_rows)


@dataclass(frozen=True)
class ComputedSeries:
    """Series of one length.

    Attributes:
        times: starts of the buckets, in seconds since 1970.
        outputs: for each indicator its outputs; NaN where there is no value.
        last_closed: whether the newest candle's bucket has ended.
        last_partial: whether it is open, or its feed was silent during a minute of it.
        rows_read: candles read, warm-up included.
        window: the minutes that were looked through: a change of others changes no value.
        begins: the first candle read, which sums begin with.
    """

    times: Whole
    outputs: Sequence[Sequence[Floats]]
    last_closed: bool
    last_partial: bool
    rows_read: int
    window: Window
    begins: datetime | None


def compute_series(connection: Connection, instrument: Instrument, query: SeriesQuery, at: datetime) -> ComputedSeries:
    """Read the candles asked for and those before them that the indicators need, and compute.

    Smoothings are read from further back, once, where the first reading did not suffice for them to forget where it
    began.

    Args:
        connection: in a transaction that sees one moment, or in autocommit mode.
        instrument: over whose candles.
        query: what to compute.
        at: a bucket is closed if it has ended then; aware.

    Raises:
        Refused: more candles would have to be read, or answered, than may.
        Retryable, Permanent: from the database.
    """
    first_open = find_open_buckets(connection, instrument.calendar, query.timeframe, at)[1]
    if query.folded:
        first_open = query.hours.first_open(query.timeframe, at)
    before = max(each.warm_up for each in query.indicators)
    if query.timeframe.by_session:
        before = max(before, *(each.whole_sessions - 1 for each in query.indicators))
    read = _read(connection, instrument, query, first_open, before)
    if read.looked_from is not None and not all(_is_settled(each, read) for each in query.indicators):
        further = min(before * _FURTHER, query.most_candles - query.most)
        if further > before:
            read = _read(connection, instrument, query, first_open, further)
    return _computed(query, read)


@dataclass(frozen=True)
class _Read:
    """Candles, the place of the first one wanted, and from where on there are no others; None: no others at all."""

    candles: SessionCandles
    place: int
    looked_from: datetime | None
    last_closed: bool
    last_partial: bool


def _read(
    connection: Connection, instrument: Instrument, query: SeriesQuery, first_open: datetime, before: int
) -> _Read:
    anchors = [each.anchor for each in query.indicators if each.anchor is not None]
    if before + query.most > query.most_candles:
        raise Refused(
            "indicators",
            f"they need {spell(before, 'candle')} before the first of {query.most:,}; {query.most_candles:,} are the"
            " most: ask for fewer, or for shorter periods",
        )
    found = read_series(
        connection,
        instrument.instrument_id,
        query.timeframe,
        query.starts,
        query.ends,
        query.most + query.whole,
        before=before,
        whole_sessions=max(each.whole_sessions for each in query.indicators),
        hours=query.hours,
    )
    if query.whole and len(found) - found.first > query.most:
        raise Refused(
            "from", f"more than {spell(query.most, 'candle')} from there to {query.ends.isoformat()}: ask for less"
        )
    first, anchor = found.first, min(anchors, default=None)
    if anchor is not None and found.looked_from is not None and anchor < found.looked_from and len(found):
        wanted = found.candles.time[first] if first < len(found) else found.candles.time[-1] + 1
        found = read_series(
            connection,
            instrument.instrument_id,
            query.timeframe,
            anchor,
            query.ends,
            query.most_candles + 1,
            before=before,
            whole_sessions=max(each.whole_sessions for each in query.indicators),
            hours=query.hours,
        )
        if len(found) - found.first > query.most_candles:
            raise Refused(
                "indicators",
                f"more than {spell(query.most_candles, 'candle')} since the anchor {anchor.isoformat()}: take a later"
                f" one, or a longer timeframe; to read them all, API_MOST_ROWS must be {_rows_since(anchor, query):,}",
            )
        first = int(np.searchsorted(found.candles.time, wanted))
    closed = len(found) > 0 and int(found.candles.time[-1]) < first_open.timestamp()
    return _Read(found.candles, first, found.looked_from, closed, not closed or found.last_partial)


def _rows_since(anchor: datetime, query: SeriesQuery) -> int:
    """How many rows there can be since an anchor, at most."""
    width = MINUTE if query.folded else query.timeframe.width or DAY
    return -((anchor - query.ends) // width)


def _is_settled(indicator: Prepared, read: _Read) -> bool:
    # Those that never settle tell where they begin; whole sessions were read; of no candle there is nothing to settle.
    return (
        indicator.cumulative
        or indicator.whole_sessions > 0
        or read.place >= len(read.candles)
        or indicator.is_settled(read.candles, read.place)
    )


def _computed(query: SeriesQuery, read: _Read) -> ComputedSeries:
    first = datetime.fromtimestamp(int(read.candles.time[0]), UTC) if len(read.candles) else None
    return ComputedSeries(
        times=read.candles.time[read.place :],
        outputs=[[floats(output[read.place :]) for output in each.compute(read.candles)] for each in query.indicators],
        last_closed=read.last_closed,
        last_partial=read.last_partial,
        rows_read=len(read.candles),
        window=Window(read.looked_from or EARLIEST, looked_to(query.timeframe, query.hours, query.ends)),
        begins=first,
    )
