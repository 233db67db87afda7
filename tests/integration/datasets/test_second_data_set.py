"""A second data set: declared here, it is refreshed, kept, verified and rebuilt as candles are, and holds up none."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.cadence import Cadence
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Count, Last, Mean, Sum
from chandlery.gaps.watch_historical_gaps import watch_historical_gaps
from chandlery.gaps.watch_live_gaps import watch_live_gaps
from chandlery.policies.domain.policy import Policies, Refresh, Retention, TablePolicies
from chandlery.policies.domain.policy_rules import lint
from chandlery.policies.store import policies
from chandlery.rebuild.domain.rebuild import Place
from chandlery.rebuild.store import rebuilds
from chandlery.refresh.refresh_stale import Refresher, refresh_stale
from chandlery.refresh.store import verifications
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window
from local import rollups
from tests.integration.market import around_the_clock
from tests.integration.policy_scene import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    WANTED,
    count,
    desk,
    drop,
    maintain,
    refresh_all,
    relation_of,
    store_candles,
)

__all__ = ["desk"]

QUOTES = Dataset(
    "quotes",
    columns={
        "instrument_id": Kind.INTEGER,
        "strike": Kind.DECIMAL,
        "time": Kind.TIME,
        "bid": Kind.DECIMAL,
        "interest": Kind.BIGINT,
        "interest_time": Kind.TIME,
        "volatility": Kind.REAL,
        "trades": Kind.BIGINT,
    },
    dimensions=("strike",),
    rollup=(
        Last("bid"),
        Last("interest", by="interest_time"),
        Mean("volatility", weight="trades"),
        Sum("trades", integer=True),
        Count("rows"),
    ),
    timeframes=(Timeframe.M5, Timeframe.H1),
    cadence=Cadence(MINUTE, "quote_minutes", is_silence_plausible=False),
    written=DAY,
)
NAMES = [rollup.relation for rollup in QUOTES.rollups]
_TABLE = """
CREATE TABLE market.quotes (
    instrument_id integer NOT NULL, strike numeric NOT NULL, time timestamptz NOT NULL, bid numeric, interest bigint,
    interest_time timestamptz, volatility double precision, trades bigint, PRIMARY KEY (instrument_id, strike, time)
);
SELECT create_hypertable('market.quotes', by_range('time', INTERVAL '7 days'), create_default_indexes => false);
CREATE INDEX ON market.quotes USING brin (time);
CREATE VIEW market.quote_minutes AS
SELECT instrument_id, time, false AS partial, sum(trades) AS trades, 'exchange' AS source
FROM market.quotes GROUP BY 1, 2;
"""
_ROWS = """
INSERT INTO market.quotes
SELECT 1, strike, at, mod(n, 7), CASE WHEN mod(n, 3) > 0 THEN n END, at - mod(n, 5) * INTERVAL '1 minute 1 second',
    CASE WHEN mod(n, 4) > 0 THEN n / 3.0 END, mod(n, 2)
FROM generate_series(%s::timestamptz, %s::timestamptz - INTERVAL '1 second', INTERVAL '1 minute')
    WITH ORDINALITY AS each (at, n)
CROSS JOIN unnest(ARRAY[100, 110]) AS strike
"""
_GONE = """
CALL market.drop_aggregates(ARRAY['quotes_5m', 'quotes_1h'], '_beside');
CALL market.drop_aggregates(ARRAY['quotes_5m', 'quotes_1h'], '_before');
DELETE FROM market.rebuilds WHERE aggregate LIKE 'quotes%';
DROP VIEW market.quote_minutes;
"""
# A chunk ends here, 95 days before NOON.
EDGE = NOON.replace(year=2025, month=11, day=27, hour=0)


def kept_for(days: int, over: timedelta = DAY) -> Policies:
    """The policies of all, those of quotes included."""
    refresh = Refresh(over, 15 * MINUTE)
    return {
        **WANTED,
        "quotes": TablePolicies(7 * DAY, retention=Retention(days * DAY, HOUR)),
        "quotes_5m": TablePolicies(28 * DAY, refresh=replace(refresh, over=6 * HOUR)),
        "quotes_1h": TablePolicies(28 * DAY, refresh=refresh),
    }


@pytest.fixture
def quotes(desk: Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """Their table and roll-ups, as a migration of theirs would make them; an instrument."""
    monkeypatch.setattr(declared, "DATASETS", (*declared.DATASETS, QUOTES))
    for statement in (_TABLE + rollups.migration(QUOTES)).split(";\n"):
        desk.execute(statement.encode())
    around_the_clock(desk, "X@A@EQ")
    yield desk
    for statement in (_GONE + rollups.downgrade(QUOTES)).strip().split("\n"):
        desk.execute(statement.encode())


def refresh_quotes(connection: Connection, window: Window, place: Place = Place.IN_USE) -> None:
    refresher = Refresher(connection, NOON, place=place)
    assert all(refresher.refresh(rollup, [window]) for rollup in QUOTES.rollups)


def refresh_marked(connection: Connection) -> None:
    assert refresh_stale(connection, NOON, has_time=lambda: True).marks_left == 0


def kept(connection: Connection) -> Mapping[str, Any]:
    return {name: connection.execute(f"SELECT * FROM market.{name} ORDER BY 1, 2, 3").fetchall() for name in NAMES}  # noqa: S608


def test_its_aggregates_hold_up_nobody_elses_retention(quotes: Connection) -> None:
    quotes.execute(_ROWS, [EDGE - DAY, EDGE - DAY + HOUR])
    store_candles(quotes, EDGE - DAY, EDGE - DAY + HOUR)
    refresh_all(quotes, NOON)
    assert drop(quotes, "candles", NOON) == (1, None)


def test_late_rows_are_refreshed_through_marks_with_those_of_candles(quotes: Connection) -> None:
    window = Window(EDGE - DAY, EDGE - DAY + 2 * HOUR)
    quotes.execute(_ROWS, [window.starts, window.ends])
    store_candles(quotes, window.starts, window.ends)
    refresh_marked(quotes)
    quotes.execute("UPDATE market.quotes SET bid = 1000 WHERE time = %s", [window.ends - MINUTE])
    quotes.execute("DELETE FROM market.quotes WHERE time < %s", [window.starts + HOUR])
    refresh_marked(quotes)
    hours = [(window.starts + HOUR, strike, 1000, 60) for strike in (100, 110)]
    query = f"SELECT time, strike, bid, rows FROM {relation_of(quotes, 'quotes_1h')} ORDER BY 1, 2"  # noqa: S608
    assert quotes.execute(query).fetchall() == hours
    # No indicators are made of it.
    marks = quotes.execute("SELECT DISTINCT dataset, work FROM market.marks WHERE work <> 'count'").fetchall()
    assert marks == [("candles", "indicate")]


def test_both_gap_monitors_look_for_its_gaps(quotes: Connection) -> None:
    missing = [NOON - 53 * MINUTE, NOON - 47 * MINUTE]
    quotes.execute(_ROWS, [NOON - HOUR, NOON])
    quotes.execute("DELETE FROM market.quotes WHERE time = %s", missing[:1])
    options: dict[str, Any] = {"piece_candles": 1000, "verify_buckets": 0, "share_instruments": 10}
    found = watch_live_gaps(quotes, NOON, **options, has_time=lambda: True)
    # What is open is told of candles.
    assert (found.gaps_found, found.gaps_open, found.pieces_left) == (1, 0, 0)
    quotes.execute("DELETE FROM market.quotes WHERE time = %s", missing[1:])
    late = watch_historical_gaps(
        quotes, NOON + 9 * DAY, open_vendor=lambda: None, most_vendor_days=0, has_time=lambda _: True, **options
    )
    assert (late.weeks_left, late.pieces_left) == (0, 0)
    gaps = quotes.execute("SELECT dataset, starts FROM market.gaps WHERE starts = ANY(%s) ORDER BY 2", [missing])
    assert gaps.fetchall() == [("quotes", each) for each in missing]
    assert quotes.execute("SELECT FROM market.marks WHERE work = 'count'").rowcount == 0


def test_its_retention_waits_for_its_own_aggregates(quotes: Connection) -> None:
    window = Window(EDGE - DAY, EDGE - DAY + 2 * HOUR)
    quotes.execute(_ROWS, [window.starts, window.ends])
    waits = "quotes from 2025-11-20T00:00Z on: derived candles over it are stale"
    assert drop(quotes, "quotes", NOON) == (0, waits)
    refresh_marked(quotes)
    # Stale candles are none of its business.
    store_candles(quotes, window.starts, window.ends)
    found = kept(quotes)
    assert {name: len(rows) for name, rows in found.items()} == {"quotes_5m": 48, "quotes_1h": 4}
    rebuilds.create_beside(quotes, NAMES, kept_for(90))
    assert drop(quotes, "quotes", NOON) == (
        0,
        waits.replace("derived candles over it are stale", "quotes_5m is being rebuilt"),
    )
    rebuilds.drop(quotes, NAMES, Place.BESIDE)
    assert drop(quotes, "quotes", NOON) == (1, None)
    # What is gone is not refreshed away.
    quotes.execute(_ROWS, [EDGE, EDGE + HOUR])
    refresh_quotes(quotes, Window(EDGE - 2 * DAY, EDGE + HOUR))
    assert all(set(found[name]) < set(rows) for name, rows in kept(quotes).items())


def test_policies_are_carried_out_for_a_scheduler_that_does_not_run(quotes: Connection) -> None:
    quotes.execute(_ROWS, [NOON - 3 * HOUR, NOON - HOUR])
    late = {each.aggregate for each in policies.list_aggregation_health(quotes, NOON) if each.health == "DELAYED"}
    assert late == set(NAMES)
    report = maintain(quotes, NOON, wanted=kept_for(90))
    assert report.drifted
    report = maintain(quotes, NOON + 5 * MINUTE, wanted=kept_for(90))
    assert (report.drift, report.policies_left) == (0, 0)
    assert [count(quotes, name) for name in NAMES] == [48, 4]
    health = {each.aggregate: each for each in policies.list_aggregation_health(quotes, NOON + 5 * MINUTE)}
    assert {name: (health[name].health, health[name].lag_seconds) for name in NAMES} == dict.fromkeys(
        NAMES, ("HEALTHY", 0)
    )
    # Marks of candles are not its own.
    store_candles(quotes, NOON - HOUR, NOON)
    waiting = {each.aggregate: each.stale_waiting for each in policies.list_aggregation_health(quotes, NOON)}
    assert [waiting[name] for name in ["candles_5m", *NAMES]] == [12, 0, 0]


def test_its_refresh_is_held_against_its_own_retention(quotes: Connection) -> None:
    assert lint(kept_for(7, over=5 * DAY)) == []
    (problem,) = lint(kept_for(7, over=8 * DAY))
    assert problem.startswith(
        "quotes.retention.after: quotes would be dropped after 7 days, inside the 8 days over which"
    )
    # Longer than candles are kept, which are nothing to it.
    assert lint({**kept_for(400, over=200 * DAY)}) == []
    assert lint(WANTED)[0].startswith("quotes: has no policies; write a [quotes] section")
    cut = {**kept_for(90), "quotes": TablePolicies(90 * MINUTE)}
    assert [problem for problem in lint(cut) if "not whole buckets of quotes_1h, of 1 h" in problem]


def test_its_buckets_are_verified_and_rebuilt(quotes: Connection) -> None:
    window = Window(NOON - 2 * HOUR, NOON)
    quotes.execute(_ROWS, [window.starts, window.ends])
    refresh_marked(quotes)
    rebuilds.create_beside(quotes, NAMES, kept_for(90))
    refresh_quotes(quotes, window, Place.BESIDE)
    # Also on the level above, held against the rows themselves.
    found = [verifications.verify_derived(quotes, name, window) for name in NAMES]
    assert [(each.same, each.wrong) for each in found] == [(46, 0), (2, 0)]
    stored = relation_of(quotes, "quotes_5m")
    quotes.execute(f"UPDATE {stored} SET volatility_total = 0 WHERE time = %s", [window.starts])  # noqa: S608
    assert verifications.verify_derived(quotes, "quotes_5m", window).different == 2
    compared = rebuilds.compare(quotes, "quotes_5m", Place.BESIDE, window)
    assert (compared.same, compared.different) == (46, 2)
    rebuilds.put_in_use(quotes, NAMES)
    assert verifications.verify_derived(quotes, "quotes_5m", window).wrong == 0
    rebuilds.drop(quotes, NAMES, Place.BEFORE)
