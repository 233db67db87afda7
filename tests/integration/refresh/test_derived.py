"""Derived candles are the fold of their minutes, whatever happened to those, in every timeframe."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from chandlery.words.window import DAY, HOUR, MINUTE
from local import calendars
from tests.conftest import SERVER_URL, empty
from tests.integration.derived_scene import assert_rolled, listed, open_hours, refresh, write
from tests.plain_derived import RANKS, Minute


@dataclass(frozen=True)
class Stretch:
    """Days of a calendar that are out of the ordinary."""

    calendar: str
    first: date
    last: date


STRETCHES = [
    Stretch("XNYS", date(2024, 3, 7), date(2024, 3, 12)),  # summer time begins
    Stretch("XNYS", date(2024, 11, 26), date(2024, 12, 3)),  # a holiday, half a day, the end of a month
    Stretch("XNYS", date(2024, 12, 27), date(2025, 1, 6)),  # the end of a year, in the middle of a week
    Stretch("XLON", date(2024, 10, 24), date(2024, 11, 2)),  # summer time ends
    Stretch("XTKS", date(2024, 3, 27), date(2024, 4, 3)),  # lunch breaks
    Stretch("CMES", date(2024, 3, 7), date(2024, 3, 13)),  # sessions over midnight UTC, a halt between them
    Stretch("FX", date(2024, 12, 27), date(2025, 1, 6)),  # one session opens as another closes
    Stretch("24/7", date(2024, 2, 27), date(2024, 3, 5)),
]


@cache
def anchors(stretch: Stretch) -> Sequence[datetime]:
    """Moments where a fold may go wrong: opens, closes, breaks, midnights."""
    calendar = calendars.from_library(stretch.calendar, stretch.first, stretch.last)
    moments = {
        moment
        for session in calendar.sessions
        for moment in (session.opens_at, session.closes_at, *chain(*map(astuple, session.breaks)))
    }
    days = (stretch.last - stretch.first).days + 1
    midnight = datetime(stretch.first.year, stretch.first.month, stretch.first.day, tzinfo=UTC)
    return sorted(moments | {midnight + number * DAY for number in range(days)})


PRICES = st.integers(1, 400).map(lambda cents: Decimal(cents) / 4)


@st.composite
def minutes_of(draw: st.DrawFn, stretch: Stretch) -> Minute:
    """A candle near an anchor, or anywhere between."""
    moment = draw(st.sampled_from(anchors(stretch))) + draw(st.integers(-40, 40) | st.integers(-700, 700)) * MINUTE
    prices = draw(st.tuples(PRICES, PRICES, PRICES, PRICES))
    return Minute(
        time=moment,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[3],
        volume=Decimal(draw(st.integers(0, 1000))) / 8,
        turnover=draw(st.none() | st.integers(0, 10**6).map(Decimal)),
        trades=draw(st.none() | st.integers(1, 50)),
        price_eligible=draw(st.booleans()),
        partial=draw(st.booleans()),
        source=draw(st.sampled_from(RANKS)),
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[Stretch, list[Minute], list[Minute], list[int], datetime]:
    """Candles, what changes or is added later, the places of those deleted, and when the first refresh is."""
    stretch = draw(st.sampled_from(STRETCHES))
    written = draw(st.lists(minutes_of(stretch), min_size=10, max_size=60, unique_by=lambda minute: minute.time))
    changed = draw(st.lists(minutes_of(stretch), max_size=20, unique_by=lambda minute: minute.time))
    again = draw(st.lists(st.sampled_from(written), max_size=5, unique_by=lambda minute: minute.time))
    known = {minute.time for minute in changed}
    changed += [
        Minute(m.time, m.low, m.high + 1, m.low, m.low, m.volume + 1, None, 7) for m in again if m.time not in known
    ]
    deleted = draw(st.lists(st.integers(0, len(written) - 1), max_size=5, unique=True))
    first_refresh = draw(st.sampled_from(anchors(stretch))) + draw(st.integers(-300, 300)) * MINUTE
    return stretch, written, changed, deleted, first_refresh


@pytest.mark.sampled(every=1)
@settings(
    max_examples=40 if SERVER_URL else 2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(histories())
def test_every_derived_candle_is_the_fold_of_its_minutes(
    connection: Connection, history: tuple[Stretch, list[Minute], list[Minute], list[int], datetime]
) -> None:
    stretch, written, changed, deleted, first_refresh = history
    empty(connection)
    margin = timedelta(days=3)
    (instrument,) = listed(connection, stretch.calendar, stretch.first - margin, stretch.last + margin, "X@A@EQ")
    hours = open_hours(connection, stretch.calendar)
    write(connection, instrument, written)
    assert_rolled(connection, instrument, hours)  # nothing is materialized
    refresh(connection, first_refresh)
    assert_rolled(connection, instrument, hours)  # up to then, and the rest when read
    write(connection, instrument, changed)
    for place in deleted:
        connection.execute("DELETE FROM market.candles WHERE time = %s", [written[place].time])
    refresh(connection, first_refresh + HOUR)
    assert_rolled(connection, instrument, hours)
    late = max(minute.time for minute in [*written, *changed]) + 2 * DAY
    assert refresh(connection, late).marks_left == 0
    assert_rolled(connection, instrument, hours)  # all of it is materialized
    assert connection.execute("SELECT count(*) FROM market.marks WHERE work = 'refresh'").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM market.open_hours").fetchone() == (0,)
    assert not refresh(connection, late).changed
