"""A second data set: declared here, it is refreshed, kept, verified and rebuilt as candles are, and holds up none."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from chandlery.datasets import declared
from chandlery.datasets.cadence import Cadence
from chandlery.datasets.candles import CANDLES
from chandlery.datasets.dataset import Dataset
from chandlery.datasets.kinds import Kind
from chandlery.datasets.measures import Count, Last, Mean, Sum
from chandlery.gaps.find_gaps import count_hours
from chandlery.gaps.watch_historical_gaps import watch_historical_gaps
from chandlery.gaps.watch_live_gaps import watch_live_gaps
from chandlery.health.report_status import report_status
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.policies.domain.policy import Policies, Refresh, Retention, TablePolicies
from chandlery.policies.domain.policy_rules import lint
from chandlery.policies.store import policies
from chandlery.rebuild.domain.rebuild import Place
from chandlery.rebuild.store import rebuilds
from chandlery.refresh.refresh_stale import Refresher, refresh_stale
from chandlery.refresh.store import verifications
from chandlery.refresh.verify_candles import verify_candles, verify_sample
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window
from local import rollups
from local.command_line import app
from tests.integration.market import always, around_the_clock
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
from tests.waiting import wait_until

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
    key=("instrument_id", "strike", "time"),
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
    best_first=("trades", "-bid"),
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
    for statement in (_GONE + rollups.downgrade(QUOTES)).split(";\n"):
        desk.execute(statement.encode())


def refresh_quotes(connection: Connection, window: Window, place: Place = Place.IN_USE) -> None:
    refresher = Refresher(connection, NOON, place=place)
    assert all(refresher.refresh(rollup, [window]) for rollup in QUOTES.rollups)


def refresh_marked(connection: Connection) -> None:
    assert refresh_stale(connection, NOON, has_time=always).marks_left == 0


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
    found = watch_live_gaps(quotes, NOON, **options, has_time=always)
    assert (found.gaps_found, found.gaps_open, found.pieces_left) == (1, 1, 0)
    assert found.gaps_open_of == {"quotes": 1}
    quotes.execute("DELETE FROM market.quotes WHERE time = %s", missing[1:])
    late = watch_historical_gaps(
        quotes, NOON + 9 * DAY, open_vendor=lambda: None, most_vendor_days=0, has_time=always, **options
    )
    assert (late.weeks_left, late.pieces_left, late.gaps_open_of) == (0, 0, {"quotes": late.gaps_open})
    gaps = quotes.execute("SELECT dataset, starts FROM market.gaps WHERE starts = ANY(%s) ORDER BY 2", [missing])
    assert gaps.fetchall() == [("quotes", each) for each in missing]
    assert quotes.execute("SELECT FROM market.marks WHERE work = 'count'").rowcount == 0


def test_its_retention_waits_for_its_own_aggregates(quotes: Connection) -> None:
    window = Window(EDGE - DAY, EDGE - DAY + 2 * HOUR)
    quotes.execute(_ROWS, [window.starts, window.ends])
    waits = "quotes from 2025-11-20T00:00Z on: what is derived of it is stale"
    assert drop(quotes, "quotes", NOON) == (0, waits)
    refresh_marked(quotes)
    # Stale candles do not concern it.
    store_candles(quotes, window.starts, window.ends)
    found = kept(quotes)
    assert {name: len(rows) for name, rows in found.items()} == {"quotes_5m": 48, "quotes_1h": 4}
    rebuilds.create_beside(quotes, NAMES, kept_for(90))
    assert drop(quotes, "quotes", NOON) == (
        0,
        waits.replace("what is derived of it is stale", "quotes_5m is being rebuilt"),
    )
    rebuilds.drop(quotes, NAMES, Place.BESIDE)
    assert drop(quotes, "quotes", NOON) == (1, None)
    # What is gone is not refreshed away.
    quotes.execute(_ROWS, [EDGE, EDGE + HOUR])
    refresh_quotes(quotes, Window(EDGE - 2 * DAY, EDGE + HOUR))
    assert all(set(found[name]) < set(rows) for name, rows in kept(quotes).items())


_KNOWN = """
SELECT 'presence', hour, count(*) FROM market.candle_hours WHERE dataset = %(of)s GROUP BY hour
UNION ALL SELECT 'mark', hour, 1 FROM market.marks WHERE dataset = %(of)s AND work = 'count'
UNION ALL SELECT 'gap', starts, minutes FROM market.gaps WHERE dataset = %(of)s AND healed_at IS NULL
UNION ALL SELECT 'version', hour, sum(version) FROM market.hour_versions WHERE dataset = %(of)s GROUP BY hour
ORDER BY 1, 2
"""


def known(connection: Connection, dataset: Dataset) -> list[tuple[str, Any, int]]:
    return connection.execute(_KNOWN, {"of": dataset.name}).fetchall()


@pytest.mark.parametrize(("goes", "stays"), [(QUOTES, CANDLES), (CANDLES, QUOTES)], ids=lambda each: each.name)
def test_what_is_known_of_a_data_set_goes_along_with_its_rows(
    quotes: Connection, goes: Dataset, stays: Dataset
) -> None:
    hour = EDGE - DAY
    quotes.execute(_ROWS, [hour, hour + HOUR])
    store_candles(quotes, hour, hour + HOUR)
    refresh_marked(quotes)
    for dataset in (QUOTES, CANDLES):
        count_hours(quotes, always, dataset=dataset)
        quotes.execute(
            "INSERT INTO market.marks (dataset, work, hour, instrument_ids) VALUES (%s, 'count', %s, '{1}')",
            [dataset.name, hour],
        )
        quotes.execute(
            "INSERT INTO market.gaps (dataset, instrument_id, starts, ends, minutes, reason, found_at)"
            " VALUES (%s, 1, %s, %s, 60, 'feed_down', %s)",
            [dataset.name, hour + HOUR, hour + 2 * HOUR, NOON],
        )
    quotes.execute("INSERT INTO market.feed_minutes VALUES ('test', %s, 0::bit(60))", [hour])
    gone, kept = known(quotes, goes), known(quotes, stays)
    assert [kind for kind, *_ in gone] == [kind for kind, *_ in kept] == ["gap", "mark", "presence", "version"]
    assert drop(quotes, goes.name, NOON) == (1, None)
    # Answers that were kept under its version hold no more.
    assert known(quotes, goes) == [("version", hour, gone[-1][2] + 1)]
    assert known(quotes, stays) == kept
    # Candles decide which minutes of feeds are known.
    assert count(quotes, "feed_minutes") == (stays is CANDLES)
    # And whatever is left of its presence goes with it.
    assert drop(quotes, stays.name, NOON) == (1, None)
    assert count(quotes, "candle_hours") == 0


def test_a_writer_without_our_lock_is_waited_for(quotes: Connection, server_url: str, database_url: str) -> None:
    window = Window(EDGE - DAY, EDGE - DAY + HOUR)
    quotes.execute(_ROWS, [window.starts, window.ends])
    refresh_marked(quotes)
    with connect(Settings(database_url=SecretStr(database_url)), "other") as other, ThreadPoolExecutor(1) as pool:
        with other.transaction():
            other.execute("UPDATE market.quotes SET bid = 1000 WHERE time = %s", [window.starts])
            dropping = pool.submit(drop, quotes, "quotes", NOON)
            waiting = "SELECT FROM pg_locks WHERE NOT granted AND pid = %s"
            wait_until(
                lambda: other.execute(waiting, [quotes.info.backend_pid]).rowcount or dropping.done(), "it waits"
            )
        dropped, waits = dropping.result(30)
    assert (dropped, waits) == (0, "quotes from 2025-11-20T00:00Z on: what is derived of it is stale")


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
    # Longer than candles are kept, which do not matter to it.
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
    # Also on the level above, compared with the rows themselves.
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


def test_its_keys_are_verified_and_of_copies_the_best_row_stays(quotes: Connection) -> None:
    window = Window(NOON - 2 * HOUR, NOON)
    quotes.execute(_ROWS, [window.starts, window.ends])
    quotes.execute("ALTER TABLE market.quotes DROP CONSTRAINT quotes_pkey")
    of_one = "WHERE strike = 110 AND time = %s"
    columns = "instrument_id, strike, time, bid + more, interest, interest_time, volatility, trades"
    copies = f"INSERT INTO market.quotes SELECT {columns} FROM market.quotes, unnest('{{-1, 1}}'::integer[]) AS more "  # noqa: S608
    quotes.execute(copies + of_one, [window.starts])
    refresh_marked(quotes)
    found = verify_candles(quotes, None, repair=True, progress=lambda *_: None)
    assert {each.table: each.twice for each in found.tables if each.wrong} == {"quotes": 1}
    assert found.repaired == 1
    left = quotes.execute(f"SELECT bid, trades FROM market.quotes {of_one}", [window.starts]).fetchall()  # noqa: S608
    assert left == [(0, 1)]
    refresh_marked(quotes)
    assert verify_candles(quotes, None, repair=False, progress=lambda *_: None).wrong == 0


def chandlery(url: str, *words: str) -> Result:
    return CliRunner(env={"DATABASE_URL": url}).invoke(app, [*words, "--dataset", "quotes"])


def test_it_is_refreshed_and_rebuilt_by_command(
    quotes: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quotes.execute(_ROWS, [NOON - 2 * HOUR, NOON])
    monkeypatch.setattr("local.command_line.derived.read_policies", lambda: kept_for(90))
    window = ("--from", "2026-03-02", "--to", "2026-03-03")
    done = chandlery(database_url, "refresh", "1h", *window, "--json")
    assert json.loads(done.stdout)["refreshes"] == 2, done.output
    assert [count(quotes, name) for name in NAMES] == [48, 4]
    rebuilt = chandlery(database_url, "rebuild", "5m")
    assert rebuilt.exit_code == 0, rebuilt.output
    assert "quotes 5m: the new aggregates are in use" in rebuilt.stdout
    assert "to go back: chandlery rebuild 5m --dataset quotes --back;" in rebuilt.stderr
    # Another time would be a third generation.
    again = chandlery(database_url, "rebuild", "1h")
    assert "drop it: chandlery rebuild 5m --dataset quotes --discard-before" in str(again.exception)
    # No indicators are made of it, so none are older now.
    assert quotes.execute("SELECT FROM market.marks WHERE work = 'indicate'").rowcount == 0
    dropped = chandlery(database_url, "rebuild", "5m", "--discard-before", "--json")
    assert json.loads(dropped.stdout) == {"dropped": ["quotes_5m_before", "quotes_1h_before"]}
    assert [count(quotes, name) for name in NAMES] == [48, 4]
    wrong = chandlery(database_url, "refresh", "15m", *window)
    assert wrong.exit_code == 2
    assert "15m is no timeframe that quotes are rolled up to" in " ".join(wrong.output.replace("│", "").split())


def test_samples_and_sums_are_of_every_data_set(quotes: Connection, database_url: str) -> None:
    quotes.execute(_ROWS, [NOON - 2 * HOUR, NOON])
    store_candles(quotes, NOON - 2 * HOUR, NOON)
    quotes.execute("DELETE FROM market.quotes WHERE time >= %s", [NOON - 10 * MINUTE])
    refresh_marked(quotes)
    stored = relation_of(quotes, "quotes_5m")
    quotes.execute(f"UPDATE {stored} SET trades = 99 WHERE time = %s", [NOON - 2 * HOUR])  # noqa: S608
    sampled = [verify_sample(quotes, NOON + turn * 5 * MINUTE) for turn in range(14)]
    assert {each.table for sample in sampled for each in sample.tables} >= {*NAMES, "candles_5m", "candles_1d_parts"}
    assert sorted({sample.wrong for sample in sampled}) == [0, 2]
    options: dict[str, Any] = {"piece_candles": 1000, "verify_buckets": 0, "share_instruments": 10}
    watch_live_gaps(quotes, NOON, **options, has_time=always)
    (cause,) = [cause.says for cause in report_status(quotes, NOON).causes if cause.subject == "gaps"]
    assert cause.endswith("; 1 of quotes: chandlery gaps --dataset NAME")
    (gap,) = json.loads(chandlery(database_url, "gaps", "--json").stdout)
    assert (gap["key"], gap["starts"], gap["minutes"]) == ("X@A@EQ", "2026-03-02T11:50:00Z", 9)
    (day,) = json.loads(chandlery(database_url, "coverage", "--json").stdout)
    assert (day["expected"], day["present"], day["missing"], day["not_judged"]) == (119, 110, 9, 0)
