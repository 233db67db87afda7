"""Signals as they are read: by commands' use cases, routes, and the view; page by page, each by its index."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from chandlery.platform.errors import NotFound, Refused
from chandlery.signals.list_signals import find_signal, list_latest_signals, list_signals
from chandlery.signals.store.signals import Signal
from chandlery.words.timeframe import Timeframe
from tests.integration.api_scene import get, settings
from tests.integration.market import around_the_clock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEYS = ("X@A@EQ", "X@B@EQ", "X@C@EQ")


@pytest.fixture
def stored(connection: Connection) -> int:
    """Signals of two instruments of three, every other one ended; returns how many."""
    ids = around_the_clock(connection, *KEYS)
    return connection.execute(
        "INSERT INTO market.signals (strategy, strategy_version, instrument_id, timeframe, time, known_at, direction,"
        " strength, confidence, price, generated_at, expires_at, ended_at, ended_by, rationale, indicators_used)"
        " SELECT 's' || n %% 3, '1', i, '5m', t, t + INTERVAL '5 min', n %% 5 - 2, 0.5, 0.25, 100 + n,"
        " t + INTERVAL '6 min', t + INTERVAL '1 day',"
        " CASE WHEN n %% 2 = 0 THEN t + INTERVAL '1 hour' END, CASE WHEN n %% 2 = 0 THEN 'stop' END,"
        " 'because', jsonb_build_array(jsonb_build_object('name', 'close', 'value', n, 'timeframe', '5m'))"
        " FROM unnest(%s::integer[]) AS i CROSS JOIN generate_series(0, 39) AS n"
        " CROSS JOIN LATERAL (SELECT %s + n * INTERVAL '5 min' AS t) AS times",
        [ids[:2], NOON],
    ).rowcount


def test_pages_have_each_signal_once_the_newest_first(connection: Connection, stored: int) -> None:
    found: list[Signal] = []
    cursor = None
    while True:
        page = list_signals(connection, limit=7, cursor=cursor)
        found += page.signals
        if (cursor := page.next_cursor) is None:
            break
    assert len({each.id for each in found}) == len(found) == stored
    assert found == sorted(found, key=lambda each: (each.time, each.id), reverse=True)
    with pytest.raises(Refused, match="a question with another key"):
        list_signals(connection, key=KEYS[0], cursor=list_signals(connection, limit=1).next_cursor)


@pytest.mark.usefixtures("stored")
def test_what_is_asked_for_alone_is_answered(connection: Connection) -> None:
    some = list_signals(connection, key=KEYS[1], strategy="s1", starts=NOON + timedelta(hours=1)).signals
    assert {(each.instrument_key, each.strategy) for each in some} == {(KEYS[1], "s1")}
    assert len(some) == 9
    assert {each.ended_by for each in list_signals(connection, active_only=True).signals} == {None}
    assert not list_signals(connection, timeframe=Timeframe.H1).signals
    with pytest.raises(NotFound):
        list_signals(connection, key="X@NONE@EQ")
    first = list_latest_signals(connection, limit=1)
    second = list_latest_signals(connection, limit=1, cursor=first.next_cursor)
    latest = [*first.signals, *second.signals]
    assert [(each.instrument_key, each.time) for each in latest] == [
        (key, NOON + 39 * timedelta(minutes=5)) for key in KEYS[:2]
    ]
    assert second.next_cursor is None
    assert find_signal(connection, latest[0].id).indicators_used[0]["value"] == 39
    with pytest.raises(NotFound, match="no signal 999"):
        find_signal(connection, 999)


def test_routes_answer_them(connection: Connection, database_url: str, stored: int) -> None:
    with settings(database_url):
        whole: Any = get("/api/v1/signals").json
        active: Any = get("/api/v1/signals/active", instrument_key=KEYS[0]).json
        latest: Any = get("/api/v1/signals/latest", limit="1").json
        assert get("/api/v1/signals", instrument_key="X@NONE@EQ").status == 404
        assert get("/api/v1/signals", cursor="x").status == 422
    assert (len(whole["signals"]), whole["next_cursor"]) == (stored, None)
    assert len(active["signals"]) == 20
    assert all(each["is_active"] and each["ended_at"] is None for each in active["signals"])
    (one,) = latest["signals"]
    assert (one["instrument_key"], one["signal_type"], one["direction"]) == (KEYS[0], "strong_buy", 2)
    assert latest["next_cursor"]


@pytest.mark.usefixtures("stored")
def test_the_view_has_the_names_in_use(connection: Connection) -> None:
    row = connection.execute(
        "SELECT symbol, signal_type, is_active, strategy_name FROM market.trading_signals ORDER BY signal_time LIMIT 1"
    ).fetchone()
    assert row == ("A", "strong_sell", False, "s0")


@pytest.mark.usefixtures("stored")
def test_each_question_has_its_index(connection: Connection) -> None:
    connection.execute("SET enable_seqscan = off")
    for where, index in (
        ("ended_at IS NULL AND instrument_id = 1", "signals_open_idx"),
        ("instrument_id = 1", "signals_instrument_time_idx"),
        ("true", "signals_time_idx"),
    ):
        plan = connection.execute(
            f"EXPLAIN SELECT * FROM market.signals WHERE {where} ORDER BY time DESC, id DESC LIMIT 5"  # noqa: S608
        ).fetchall()
        assert index in str(plan)
    connection.execute("RESET enable_seqscan")
