"""Extend stored indicators by candles that follow the last one they were computed of, from where they stand there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from psycopg import Connection

from chandlery.indicators.kept_indicators import KeptIndicators
from chandlery.indicators.numerics.candle_arrays import Candles, Floats
from chandlery.indicators.numerics.functions import Indicator
from chandlery.indicators.numerics.renewal import OUTPUTS, ChangedSeries, Renewal, Values, Which, renew
from chandlery.indicators.numerics.states import Following, go_on, state_after
from chandlery.indicators.store import states
from chandlery.indicators.store.indicators import AlreadyStored
from chandlery.indicators.store.states import Standing
from chandlery.indicators.write_values import Indicated, write_values
from chandlery.reading.store.series import PageWanted, read_following

Standings = Mapping[int, Standing]  # by the instrument's number


def read_standings(connection: Connection, kept: KeptIndicators, stretches: Sequence[PageWanted]) -> Standings:
    """Where the indicators of the stretches' instruments stand.

    Raises:
        Retryable, Permanent: from the database.
    """
    if not kept.can_stand:
        return {}
    ids = [each.instrument_id for each in stretches]
    found = states.read(connection, kept.timeframe, ids)
    return {ids[place]: each for place, each in found.items()}


def extend_series(
    connection: Connection,
    kept: KeptIndicators,
    standings: Standings,
    stretches: Sequence[PageWanted],
    at: datetime,
) -> tuple[Indicated, Sequence[PageWanted]]:
    """Write the values of stretches in which nothing changed but that candles came after the last one computed of.

    Returns:
        What was done, and the other stretches: their values are to be held against what is stored.

    Raises:
        Retryable, Permanent: from the database.
    """
    growing = _find_growing(connection, kept, standings, stretches)
    if not growing:
        return Indicated(), stretches
    extended = {each.stretch.instrument_id for each in growing}
    growing_now = [each for each in growing if each.series.place < len(each.series.candles)]
    done = Indicated(series=(len(growing) - len(growing_now)) * len(kept.wanted))
    if growing_now:
        try:
            done += _extend(connection, kept, growing_now, at)
        except AlreadyStored:  # somebody else's rows, or a run of an earlier time that came late
            return Indicated(), stretches
    return done, [each for each in stretches if each.instrument_id not in extended]


def keep_standings(
    connection: Connection,
    kept: KeptIndicators,
    standings: Standings,
    looked_at: Sequence[tuple[int, ChangedSeries]],
    renewals: Sequence[Renewal],
    which: Which,
) -> None:
    """Remember where the indicators stand at the end of series whose values were held against what is stored.

    Where that is not known, as where values came to be the same before the end, what was remembered is forgotten.

    Args:
        connection: in the transaction that wrote their values.
        kept: the indicators.
        standings: what was remembered.
        looked_at: the series, each with its instrument's number.
        renewals: of each indicator.
        which: of the series were written; nothing changes for the others.

    Raises:
        Retryable, Permanent: from the database.
    """
    if not kept.can_stand:
        return
    known = np.array([_has_end(kept, standings.get(number), each) for number, each in looked_at], np.bool_) & which
    numbers = _numbers(kept, [each for _, each in looked_at], renewals, known)
    _write(connection, kept, [looked_at[place] for place in np.flatnonzero(known)], numbers[known])
    forgotten = [looked_at[place][0] for place in np.flatnonzero(which & ~known)]
    states.forget(connection, kept.timeframe, [each for each in forgotten if each in standings])


def _has_end(kept: KeptIndicators, standing: Standing | None, series: ChangedSeries) -> bool:
    """Whether the series ends with its candles, and nothing is stored after them."""
    if not series.ends or not len(series.candles):
        return False
    if not series.begins and series.candles.time[0] > kept.recent_from(int(series.candles.time[-1])):
        return False
    # What a run of an earlier time finds, which came late, is not the end.
    return standing is None or standing.time <= series.candles.time[-1]


@dataclass(frozen=True)
class _Growing:
    stretch: PageWanted
    standing: Standing
    series: ChangedSeries


def _find_growing(
    connection: Connection, kept: KeptIndicators, standings: Standings, stretches: Sequence[PageWanted]
) -> Sequence[_Growing]:
    """The stretches in which nothing has changed up to the last candle computed of."""
    some = [
        (each, standing)
        for each in stretches
        if (standing := standings.get(each.instrument_id))
        and standing.made_of == kept.made_of
        and kept.recent_from(standing.time) <= each.first.timestamp()
        and standing.since < each.until
    ]
    if not some:
        return []
    ids, sinces = [each.instrument_id for each, _ in some], [standing.since for _, standing in some]
    found = read_following(connection, kept.timeframe, ids, sinces, [each.until for each, _ in some])
    growing = []
    for place, candles in found.items():
        stretch, standing = some[place]
        last = int(stretch.last.timestamp())
        series = ChangedSeries(candles, standing.time + 1, last, begins=False, ends=True)
        if _is_unchanged(kept, standing, series):
            growing.append(_Growing(stretch, standing, series))
    return growing


def _is_unchanged(kept: KeptIndicators, standing: Standing, series: ChangedSeries) -> bool:
    """Whether the series goes on right after its standing, and the candles there are as they were."""
    candles, place = series.candles, series.place
    if not place or candles.time[place - 1] != standing.time:
        return False
    if place < len(candles) and (place < kept.lookback or np.isnan(standing.states).any()):
        return False
    return np.array_equal(_recent(candles, kept.recent_from(standing.time), place), standing.recent)


def _recent(candles: Candles, since: int, place: int) -> Floats:
    """The candles since then and before a place: all times, then all opens, and so on."""
    some = slice(int(np.searchsorted(candles.time, since)), place)
    columns = (candles.time, candles.open, candles.high, candles.low, candles.close, candles.volume)
    return np.concatenate([column[some] for column in columns], dtype=np.float64)


def _extend(connection: Connection, kept: KeptIndicators, growing: Sequence[_Growing], at: datetime) -> Indicated:
    series = [each.series for each in growing]
    numbers = np.stack([each.standing.states for each in growing])
    following = Following.of([each.candles for each in series], [each.place for each in series])
    renewals = []
    for (each, memory), where in zip(kept.pairs, kept.places, strict=True):
        if memory.is_finite:
            renewals.append(renew(each, memory, series, Values.none()))
        else:
            renewal, numbers[:, where.start + 1 : where.stop] = _go_on(each, series, numbers[:, where], following)
            renewals.append(renewal)
    ids = [each.stretch.instrument_id for each in growing]
    done = write_values(connection, kept, np.array(ids), renewals, np.ones(len(growing), np.bool_), at)
    _write(connection, kept, list(zip(ids, series, strict=True)), numbers)
    return done


def _go_on(
    indicator: Indicator, series: Sequence[ChangedSeries], numbers: Floats, following: Following
) -> tuple[Renewal, Floats]:
    outputs, after = go_on(indicator, numbers[:, 1:], following)
    time = np.concatenate([each.candles.time[each.place :] for each in series])
    none = np.full(len(time), np.nan)
    values = Values(
        np.repeat(np.arange(len(series)), following.lengths),
        time,
        np.repeat(numbers[:, 0].astype(np.int64), following.lengths),
        [*outputs, *[none] * (OUTPUTS - len(outputs))],
    )
    values = values.at(np.isfinite(values.outputs[0]))
    everywhere, nowhere = np.ones(len(values), np.bool_), np.zeros(len(series), np.bool_)
    is_last = np.diff(values.series, append=len(series)) > 0
    return Renewal(values, everywhere, Values.none(), values.at(is_last), nowhere, nowhere), after


def _numbers(
    kept: KeptIndicators, series: Sequence[ChangedSeries], renewals: Sequence[Renewal], which: Which
) -> Floats:
    """The numbers of each of the chosen series after its last candle; NaN where one has no value yet."""
    numbers = np.full((len(series), kept.places[-1].stop), np.nan)
    for (each, memory), where, renewal in zip(kept.pairs, kept.places, renewals, strict=True):
        if memory.cumulative:
            # It may have gone on from a value itself.
            numbers[renewal.last.series, where] = np.stack([renewal.last.made_from, renewal.last.outputs[0]], axis=1)
        elif not memory.is_finite:
            for place in np.flatnonzero(which):
                candles = series[place].candles
                if len(candles) > each.lookback:
                    numbers[place, where] = [candles.time[0], *state_after(each, candles)]
    return numbers


def _write(
    connection: Connection, kept: KeptIndicators, series: Sequence[tuple[int, ChangedSeries]], numbers: Floats
) -> None:
    standings = {
        number: _standing(kept, each.candles, row) for (number, each), row in zip(series, numbers, strict=True)
    }
    states.write(connection, kept.timeframe, standings)


def _standing(kept: KeptIndicators, candles: Candles, numbers: Floats) -> Standing:
    last = int(candles.time[-1])
    recent = _recent(candles, kept.recent_from(last), len(candles))
    since = min(candles.time[max(len(candles) - kept.lookback, 0)], recent[0])
    return Standing(kept.made_of, last, datetime.fromtimestamp(int(since), UTC), numbers, recent)
