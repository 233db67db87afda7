"""Retention of candles: what it waits for, what goes along, and what may never be refreshed again."""

import re
from datetime import datetime

import pytest
from psycopg import Connection
from pydantic import SecretStr

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.look_back import COMPONENT
from chandlery.gaps.store import scans, vendor_days
from chandlery.platform.connection import connect
from chandlery.platform.errors import Retryable
from chandlery.platform.settings import Settings
from chandlery.refresh.store import derived as store
from chandlery.words.window import Window
from tests.integration.market import around_the_clock
from tests.integration.policy_scene import (
    DAY,
    DERIVED,
    HOUR,
    MINUTE,
    NOON,
    came_in_time,
    count,
    desk,
    drop,
    keep,
    maintain,
    refresh_all,
    relation_of,
    store_candles,
)

__all__ = ["desk"]

# Chunks of candles begin on Thursdays. This one ends 95 days before NOON, the next one lies on the horizon's safe side.
OLD = datetime.fromisoformat("2025-11-20T00:00Z")
EDGE = OLD + 7 * DAY
KEPT = EDGE + 2 * DAY


def derived(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    """What is materialised of every aggregate."""
    return {
        name: connection.execute(f"SELECT * FROM {relation_of(connection, name)} ORDER BY 1, 2, 3").fetchall()  # noqa: S608
        for name in DERIVED
    }


@pytest.fixture
def history(desk: Connection) -> Connection:
    """Candles of two chunks, everything derived from them, and permission to drop the older one."""
    around_the_clock(desk, "X@A@EQ")
    keep(desk)
    store_candles(desk, EDGE - DAY, EDGE + DAY, 10 * MINUTE)
    refresh_all(desk, NOON)
    came_in_time(desk)
    return desk


def test_candles_go_and_what_is_derived_stays(history: Connection) -> None:
    before = derived(history)
    assert {len(rows) > 0 for rows in before.values()} == {True}
    maintain(history, NOON)
    assert history.execute("SELECT min(time) FROM market.candles").fetchone() == (EDGE,)
    assert history.execute("SELECT table_name, dropped_before FROM market.horizons").fetchall() == [("candles", EDGE)]
    assert derived(history) == before


def test_history_touched_near_the_edge_loses_no_derived_candle(history: Connection) -> None:
    maintain(history, NOON)
    before = derived(history)
    # Just above the edge a candle changes; below it somebody imports what was dropped.
    history.execute("UPDATE market.candles SET high = 9 WHERE time = %s", [EDGE])
    store_candles(history, EDGE - HOUR, EDGE, 30 * MINUTE)
    report = maintain(history, NOON + 5 * MINUTE)
    assert (report.stale_taken > 0, report.stale_waiting) == (True, 0)
    after = derived(history)
    assert {name: len(rows) for name, rows in after.items()} == {name: len(rows) for name, rows in before.items()}
    changed = {name: len(set(before[name]) - set(after[name])) for name in DERIVED}
    assert changed == dict.fromkeys(DERIVED, 1)

    # TimescaleDB alone, refreshing the same stretch, takes away whatever has no candle any more.
    history.execute("CALL refresh_continuous_aggregate('market.candles_5m', %s, %s)", [EDGE - DAY, EDGE + DAY])
    assert count(history, "candles_5m") < len(after["candles_5m"])


def test_timescaledbs_own_retention_and_refresh_delete_derived_history(history: Connection) -> None:
    before = count(history, "candles_5m")
    history.execute("SELECT drop_chunks('market.candles', older_than => %s::timestamptz)", [EDGE])
    history.execute("CALL refresh_continuous_aggregate('market.candles_5m', %s, %s)", [EDGE - 2 * DAY, EDGE + DAY])
    assert count(history, "candles_5m") == before / 2


def test_a_chunk_waits_while_what_is_derived_from_it_is_stale(history: Connection) -> None:
    store_candles(history, EDGE - HOUR, EDGE)
    report = maintain(history, NOON, most_marks=0)
    assert report.retention_waits == ["candles from 2025-11-20T00:00Z on: what is derived of it is stale"]
    assert history.execute("SELECT count(*) FROM market.horizons").fetchone() == (0,)
    # The next run takes the marks, and the next mark of the schedule the chunk.
    maintain(history, NOON + 5 * MINUTE)
    assert maintain(history, NOON + 12 * HOUR).retention_waits == []
    assert drop(history, "candles", NOON) == (1, None)


def test_a_chunk_waits_while_an_aggregate_has_not_reached_its_end(desk: Connection) -> None:
    around_the_clock(desk, "X@A@EQ")
    store_candles(desk, OLD, OLD + HOUR)
    desk.execute("DELETE FROM market.marks WHERE work = 'refresh'")
    dropped, waits = drop(desk, "candles", NOON)
    assert dropped == 0
    assert re.fullmatch(r"candles from 2025-11-20T00:00Z on: candles_\w+ is not materialised there", waits or "")
    # A later chunk may not go before it.
    store_candles(desk, KEPT, KEPT + HOUR)
    assert drop(desk, "candles", NOON) == (0, waits)


def test_what_describes_candles_goes_along_with_them(history: Connection) -> None:
    history.execute("DELETE FROM market.marks WHERE work = 'count'")
    history.execute(
        "INSERT INTO market.candle_hours SELECT 1, hour, 0::bit(60), 0::bit(60), 0"
        " FROM unnest(ARRAY[%s, %s]::timestamptz[]) AS hour",
        [EDGE - HOUR, EDGE],
    )
    history.execute(
        "INSERT INTO market.feed_minutes SELECT 'test', bucket, 0::bit(60)"
        " FROM unnest(ARRAY[%s, %s]::timestamptz[]) AS bucket",
        [EDGE - MINUTE, EDGE],
    )
    maintain(history, NOON)
    assert history.execute("SELECT hour FROM market.candle_hours").fetchall() == [(EDGE,)]
    assert history.execute("SELECT bucket FROM market.feed_minutes").fetchall() == [(EDGE,)]


def test_another_data_set_neither_holds_candles_up_nor_goes_along_with_them(history: Connection) -> None:
    add_sessions(history)
    hour = EDGE - HOUR
    for dataset in ("candles", "strikes"):
        history.execute(
            "INSERT INTO market.candle_hours (dataset, instrument_id, hour, complete, partial)"
            " VALUES (%s, 1, %s, 0::bit(60), 0::bit(60))",
            [dataset, hour],
        )
    history.execute(
        "INSERT INTO market.marks (dataset, work, hour, instrument_ids)"
        " SELECT 'strikes', work, %s, '{1}' FROM unnest(ARRAY['count', 'refresh']) AS work",
        [hour],
    )
    history.execute("INSERT INTO market.open_hours (dataset, hour) VALUES ('strikes', %s)", [hour])
    history.execute(
        "INSERT INTO market.gaps (dataset, instrument_id, starts, ends, minutes, reason, found_at)"
        " VALUES ('strikes', 1, %s, %s, 60, 'feed_down', %s)",
        [hour, EDGE, NOON],
    )
    assert maintain(history, NOON).retention_waits == []
    assert history.execute("SELECT min(time) FROM market.candles").fetchone() == (EDGE,)
    assert history.execute("SELECT dataset FROM market.candle_hours WHERE hour < %s", [EDGE]).fetchall() == [
        ("strikes",)
    ]
    left = history.execute("SELECT work FROM market.marks WHERE dataset = 'strikes' ORDER BY 1").fetchall()
    assert left == [("count",), ("refresh",)]
    assert count(history, "open_hours") == 1
    assert history.execute("SELECT dataset, starts FROM market.gaps").fetchall() == [("strikes", hour)]


def test_ticks_wait_while_minutes_are_still_to_be_aggregated(desk: Connection) -> None:
    around_the_clock(desk, "X@A@EQ")
    desk.execute(
        "INSERT INTO market.ticks (time, instrument_id, seq, price, size) VALUES (%s, 1, 1, 1, 1)", [NOON - 15 * DAY]
    )
    waits = "ticks from 2026-02-15T12:00Z on: minutes there are still to be aggregated"
    assert drop(desk, "ticks", NOON - 14 * DAY) == (0, waits)
    desk.execute("DELETE FROM market.dirty")
    assert drop(desk, "ticks", NOON - 14 * DAY) == (1, None)


def test_derived_candles_are_dropped_if_somebody_wants_it(history: Connection) -> None:
    history.execute(
        "SELECT set_chunk_time_interval(%s::regclass, INTERVAL '7 days')", [relation_of(history, "candles_5m")]
    )
    assert drop(history, "candles_5m", NOON - 1000 * DAY) == (0, None)
    dropped, _ = drop(history, "candles_5m", NOON)
    assert dropped >= 1
    assert count(history, "candles_5m") == 0


def add_sessions(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO market.sessions (calendar, session_date, opens_at, closes_at)"
        " SELECT '24/7', day::date, day, day + INTERVAL '1 day' FROM generate_series(%s, %s, INTERVAL '1 day') AS day"
        " ON CONFLICT DO NOTHING",
        [EDGE - 2 * DAY, EDGE + 2 * DAY],
    )


def add_gap(connection: Connection, starts: datetime, ends: datetime) -> None:
    connection.execute(
        "INSERT INTO market.gaps (instrument_id, starts, ends, minutes, reason, found_at)"
        " VALUES (1, %s, %s, %s, 'feed_down', %s)",
        [starts, ends, (ends - starts) // MINUTE, NOON],
    )


def test_the_vendor_is_not_asked_for_what_was_dropped(history: Connection) -> None:
    add_sessions(history)
    history.execute("UPDATE market.instruments SET data_from = %s", [EDGE - DAY])
    history.execute("INSERT INTO market.tickers VALUES (1, 'vendor', 'A')")
    add_gap(history, EDGE - 6 * HOUR, EDGE - 5 * HOUR)
    add_gap(history, EDGE - HOUR, EDGE + 2 * HOUR)
    assert len(vendor_days.list_due(history, "vendor", NOON, NOON, 100)) == 2

    maintain(history, NOON)

    open_gaps = history.execute("SELECT starts, ends, minutes FROM market.gaps WHERE healed_at IS NULL").fetchall()
    assert open_gaps == [(EDGE, EDGE + 2 * HOUR, 120)]
    (due,) = vendor_days.list_due(history, "vendor", NOON, NOON, 100)
    assert due.window.starts >= EDGE
    # A look through history begins at the horizon, whatever is imported again; coverage knows nothing below it.
    store_candles(history, EDGE - HOUR, EDGE)
    starts, _ = scans.find_history(history, CANDLES, COMPONENT)
    assert starts == EDGE
    expected = history.execute("SELECT min(starts) FROM market.expected_stretches('-infinity', %s)", [NOON]).fetchone()
    assert expected == (EDGE,)
    hours = history.execute("SELECT min(hour) FROM market.hour_coverage('-infinity', %s)", [NOON]).fetchone()
    assert hours == (EDGE,)


def test_a_scan_below_the_horizon_finds_nothing(history: Connection) -> None:
    add_sessions(history)
    history.execute("UPDATE market.instruments SET data_from = %s", [EDGE - DAY])
    maintain(history, NOON)
    shares = scans.plan_shares(history, 10)
    window = Window(EDGE - DAY, EDGE)
    with scans.scanning(history, CANDLES, window, NOON, week_starts=NOON - 7 * DAY, day_starts=NOON - DAY) as scan:
        assert [scan.look(share).ledger.found for share in shares] == [0]


def test_retention_waits_for_a_refresh(history: Connection, server_url: str, database_url: str) -> None:
    """A refresh that had read the horizon before minutes below it went would take derived candles along."""
    settings = Settings(database_url=SecretStr(database_url), database_lock_timeout_seconds=1)
    with connect(settings, "other") as other:
        with store.dropping_held(other, "candles") as dropped:
            assert dropped == []
            history.execute("SET lock_timeout = '100ms'")
            with pytest.raises(Retryable):
                drop(history, "candles", EDGE)
        assert drop(history, "candles", EDGE) == (1, None)
        with store.dropping_held(other, "candles") as dropped:
            assert dropped == [Window(OLD, EDGE)]


def test_a_clock_that_runs_ahead_drops_nothing(history: Connection) -> None:
    (now,) = history.execute("SELECT date_trunc('day', now())").fetchone() or ()
    young = now - 30 * DAY
    store_candles(history, young, young + HOUR, 10 * MINUTE)
    refresh_all(history, now)
    before = history.execute("SELECT count(*) FROM market.candles WHERE time >= %s", [young]).fetchone()
    assert before == (6,)
    maintain(history, now + 300 * DAY)
    assert history.execute("SELECT count(*) FROM market.candles WHERE time >= %s", [young]).fetchone() == before
    # By its own time it goes.
    (dropped,) = (
        history.execute("SELECT dropped_before FROM market.horizons WHERE table_name = 'candles'").fetchone() or ()
    )
    assert dropped <= now - 89 * DAY
