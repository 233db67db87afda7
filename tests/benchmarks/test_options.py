"""Options as they are read: a desk of one underlying, its newest strikes, and a moneyness followed over a day."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlencode

import pytest
from psycopg import ClientCursor, Connection

from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.options.read_strikes import StrikeQuery, write_strikes
from chandlery.reference.store.instruments import find
from chandlery.refresh.store import refreshes
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, Window
from tests.benchmarks.scene import (
    MINUTE,
    NOON,
    ON_SERVER,
    WHERE,
    backend_seconds,
    list_contracts,
    list_instruments,
    process_seconds,
    vacuum,
)
from tests.benchmarks.test_http_api import Times, handled, of_this_machine, sandbox

EXPIRIES = 4 if ON_SERVER else 2
STRIKES = 200 if ON_SERVER else 100
MINUTES = 375 if ON_SERVER else 60
ROUNDS = 100 if ON_SERVER else 10
KEY, EXPIRY = "X@S1@EQ", date(2026, 3, 6)
FIRST = datetime.combine(EXPIRY, NOON.timetz()) + timedelta(hours=8)
ENDS = NOON + MINUTES * MINUTE
_NEAR = 31
# A session in which every strike is quoted every minute, while the money moves up and down.
_INSERT = """
INSERT INTO market.strike_candles (
    instrument_id, expires_at, strike, contract, time, expiry, {sides}, underlying_close, forward, rank, moneyness,
    source, version
)
SELECT
    1, e.expires_at, s.strike, '', m.time, e.expires_at::date, {values}, 1000 + m.drift, 1000 + m.drift,
    place - %(strikes)s / 2 - (m.drift / 5)::integer, ln(s.strike / (1000 + m.drift)), 'live_aggregated', 1
FROM generate_series(0, %(expiries)s - 1) AS n
CROSS JOIN LATERAL (SELECT %(first)s::timestamptz + n * INTERVAL '7 days' AS expires_at) AS e
CROSS JOIN generate_series(0, %(minutes)s - 1) AS number
CROSS JOIN LATERAL (
    SELECT %(starts)s::timestamptz + number * INTERVAL '1 minute' AS time, (number %% 60 - 30)::numeric / 4 AS drift
) AS m
CROSS JOIN generate_series(1, %(strikes)s) AS place
CROSS JOIN LATERAL (SELECT 1000 + 5 * (place - %(strikes)s / 2)::numeric AS strike) AS s
"""
_SIDE = {
    "volume": "number %% 7",
    "trades": "number %% 3",
    "bid": "10.05 + number %% 9",
    "ask": "10.35 + number %% 9",
    "mid": "10.2 + number %% 9",
    "quoted_at": "m.time",
    "oi": "place * 10",
    "oi_time": "%(starts)s::timestamptz",
    "iv_status": "'ok'",
    "iv": "0.2 + sin(place + number) / 100",
    "delta": "0.5 + sin(place) / 2",
    "gamma": "0.01 + sin(number) / 1000",
    "theta": "-0.3 + sin(number) / 10",
    "vega": "0.7 + sin(place) / 10",
}


@pytest.fixture
def desk(connection: Connection) -> Connection:
    list_instruments(connection, 1)
    values = {"expiries": EXPIRIES, "strikes": STRIKES, "minutes": MINUTES, "starts": NOON, "first": FIRST}
    list_contracts(connection, EXPIRIES, STRIKES, FIRST)
    names = [f"{side}_{name}" for side in ("call", "put") for name in _SIDE]
    text = _INSERT.format(sides=", ".join(names), values=", ".join([*_SIDE.values()] * 2))
    connection.execute(text, values)
    connection.execute(
        "INSERT INTO market.newest_strikes SELECT * FROM market.strike_candles WHERE time = %s", [ENDS - MINUTE]
    )
    refreshes.refresh(connection, STRIKE_CANDLES.relation(Timeframe.M5), Window(NOON - DAY, ENDS))
    connection.execute(
        "INSERT INTO market.newest_strikes_5m SELECT * FROM market.strike_candles_5m WHERE time = %s",
        [ENDS - 5 * MINUTE],
    )
    # As refreshes leave it.
    connection.execute("DELETE FROM market.marks")
    vacuum(connection, "strike_candles")
    connection.execute("ANALYZE")
    return connection


@pytest.fixture
def service(migrated_url: str) -> Iterator[None]:
    with sandbox(migrated_url):
        yield


def route(name: str, **asked: Any) -> Callable[[], Any]:
    return handled("GET", f"/api/v1/options/{quote(KEY, safe='@')}/{name}?{urlencode(asked)}")


def in_the_database(connection: Connection, query: StrikeQuery) -> str:
    """What the server says it takes to plan and to answer it: the medians; and its processor, all in all."""
    asked: list[tuple[Any, Any]] = []

    def keep(_: Connection, text: str, given: Any) -> list[Any]:
        asked.append((text, given))
        return []

    with patch("chandlery.options.store.answers._run", keep):
        write_strikes(connection, find(connection, KEY), query)
    text, given = asked[0]
    times = []
    with ClientCursor(connection) as cursor:
        for _ in range(ROUNDS):
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY, FORMAT JSON) {text}", given)
            told: dict[str, Any] = (cursor.fetchone() or [[{}]])[0][0]
            times.append((told["Planning Time"], told["Execution Time"], told["Plan"]["Actual Rows"]))
    plan, execution, rows = (median(each) for each in zip(*times, strict=True))
    begun = backend_seconds(connection)
    for _ in range(ROUNDS):
        connection.execute(text, given).fetchall()
    used = (backend_seconds(connection) - begun) * 1000 / ROUNDS
    said = f"planned in {plan:.1f} ms, answered in {execution:.1f} ms (processor of both {used:.1f} ms)"
    return f"{rows:.0f} rows, {said}"


def used_by_database(connection: Connection) -> float:
    """Seconds of its processor so far, in the backends of the API's sandboxes."""
    return sum(map(process_seconds, of_this_machine(connection)))


def test_o1_newest_strikes(desk: Connection, service: None) -> None:
    newest = StrikeQuery(Timeframe.M5, expiry=EXPIRY, ranks=(-_NEAR, _NEAR), limit=2 * _NEAR + 1)
    print(f"O1 newest strikes of 5m in the database: {in_the_database(desk, newest)} ({WHERE})")
    asked = {"timeframe": "5m", "expiry": EXPIRY, "limit": 2 * _NEAR + 1}
    for told, cached in (("through the handler", "miss"), ("from the cache", "hit")):
        times = Times()
        begun = used_by_database(desk)
        for number in range(ROUNDS):
            # Another question each time: nothing is kept of it.
            answer = times.take(route("strikes", **asked, near=_NEAR + number))
            assert (answer.headers["X-Cache"], len(answer.json["strikes"])) == (cached, 2 * _NEAR + 1)
        used = (used_by_database(desk) - begun) * 1000 / ROUNDS
        print(f"O1 newest strikes of 5m {told}: {times}; processor of the database {used:.1f} ms ({WHERE})")
    chain, kept = Times(), Times()
    for number in range(ROUNDS):
        assert len(chain.take(route("chain", expiry=EXPIRY, near=_NEAR, limit=100 + number)).json["strikes"]) == 63
        kept.take(route("chain", expiry=EXPIRY, near=_NEAR, limit=100 + number))
    print(f"O1 the chain of 63 strikes through the handler: {chain}; from the cache {kept} ({WHERE})")


def test_o2_moneyness_series(desk: Connection, service: None) -> None:
    for timeframe in (Timeframe.M1, Timeframe.M5):
        query = StrikeQuery(timeframe, NOON, ENDS, EXPIRY, ranks=(0, 0), limit=1000, field="call_iv")
        print(f"O2 a day of rank 0 by {timeframe} in the database: {in_the_database(desk, query)} ({WHERE})")
        times = Times()
        for number in range(ROUNDS):
            asked = {"timeframe": timeframe, "expiry": EXPIRY, "rank": 0, "field": "call_iv", "limit": 900 + number}
            asked |= {"from": NOON.isoformat(), "to": ENDS.isoformat()}
            answer = times.take(route("moneyness-series", **asked))
            assert len(answer.json["points"]) > MINUTES * MINUTE / (timeframe.width or DAY) / 2
        print(f"O2 through the handler: {times} ({WHERE})")
