"""A dry run says what the run that counts then writes, and leaves every row of the database as it was."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection, sql

from chandlery.platform.component import Component
from chandlery.platform.connection import connect, transaction
from chandlery.platform.dry_run import dry_running
from chandlery.platform.errors import Permanent
from chandlery.platform.settings import Settings
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from functions.historical_gap_monitor import handler as historical_gap_monitor
from functions.historical_processor import handler as historical_processor
from functions.live_gap_monitor import handler as live_gap_monitor
from functions.live_processor import handler as live_processor
from functions.policy_maintenance import handler as policy_maintenance
from tests.integration.market import MINUTE, insert, live
from tests.integration.policy_scene import came_in_time, count, desk, hold_jobs, keep
from tests.plain_fold import Tick
from tests.vendor_server import VendorServer, bar

__all__ = ["desk"]

NOW = datetime(2026, 3, 18, 2, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
COMPONENTS = (live_processor, live_gap_monitor, historical_gap_monitor, policy_maintenance, historical_processor)

# Chandlery's rows, what TimescaleDB keeps of them, and its jobs; the server keeps statistics of jobs by itself.
_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r'
    AND n.nspname IN ('market', '_timescaledb_internal', '_timescaledb_catalog', '_timescaledb_config')
    AND c.relname !~ 'bgw_job_stat|bgw_policy_chunk_stats|telemetry'
ORDER BY 1
"""


class Context:
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def whole(connection: Connection) -> dict[str, str | None]:
    """A fingerprint of the rows of every table."""
    tables = [name for (name,) in connection.execute(_TABLES)]
    parts = [
        sql.SQL("SELECT {}, md5(string_agg(t::text, '|' ORDER BY t::text)) FROM ONLY {} AS t").format(
            name, sql.SQL(name)
        )
        for name in tables
    ]
    return dict(connection.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall())


def trade(connection: Connection, starts: datetime, count: int, seq: int, price: int = 10) -> None:
    insert(connection, 1, [Tick(starts + n * MINUTE, seq, price + n % 7, 1) for n in range(count)])  # type: ignore[arg-type]


@pytest.fixture
def market(desk: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """An instrument with ticks of today, of three days ago and of ten, and a vendor that knows what is missing."""
    days = [date(2026, 3, 2) + n * DAY for n in range(60)]
    opens = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    hours = tuple(Session(at.date(), at, at + 3 * HOUR) for at in opens)
    sessions.replace(desk, Calendar("EARLY", "UTC", days[0], days[-1], hours))
    desk.execute("INSERT INTO market.feeds VALUES ('test', 60)")
    instruments.add(desk, "X@A@EQ", "EARLY", "test", tickers={"polygon": "A"})
    for starts, minutes in ((NOW - HOUR, 60), (NOW - 3 * DAY, 40), (NOW - 10 * DAY, 50)):
        trade(desk, starts, minutes, 1)
    with VendorServer() as vendor:
        vendor.give("A", *(bar(NOW - 10 * DAY + n * MINUTE, o=20, h=22, l=19, c=21, v=3) for n in range(60)))
        for name, value in {
            "DATABASE_URL": database_url,
            "VENDOR": "polygon",
            "VENDOR_URL": vendor.url,
            "VENDOR_API_KEY": vendor.key,
            "DRY_RUN_SECONDS": "600",
        }.items():
            monkeypatch.setenv(name, value)
        yield desk
    for each in COMPONENTS:
        each.sandbox.close()


def event(at: datetime, *, dry: bool = False) -> dict[str, Any]:
    return {"scheduled_at": at.isoformat()} | ({"dry_run": True} if dry else {})


def run_dry(connection: Connection, component: Component, at: datetime = NOW) -> dict[str, Any]:
    """A dry run, then the same in earnest; returns what both say."""
    hold_jobs(connection)
    before = whole(connection)
    told = component(event(at, dry=True), Context())
    after = whole(connection)
    assert [name for name in before | after if before.get(name) != after.get(name)] == []
    done = component(event(at), Context())
    assert without_the_moment(told) == {"dry_run": True} | without_the_moment(done)
    return done


def without_the_moment(counts: Mapping[str, Any]) -> dict[str, Any]:
    """All but what is looked at, and not written: a refresh that was undone leaves size and lag as they were."""
    return {name: value for name, value in counts.items() if name not in ("database_bytes", "aggregate_lag_seconds")}


def test_what_each_component_would_write_is_what_it_writes(market: Connection) -> None:
    live = run_dry(market, live_processor)
    assert live["candles_written"] == 60
    gaps = run_dry(market, live_gap_monitor)
    assert gaps["candles_written"] == 40
    assert gaps["gaps_found"] > 0
    history = run_dry(market, historical_gap_monitor)
    assert (history["candles_written"], history["vendor_days"] > 0) == (60, True)
    assert history["gaps_backing_off"] > 0
    policies = run_dry(market, policy_maintenance)
    assert min(policies[name] for name in ("drift_applied", "policies_done", "stale_taken")) > 0
    indicators = run_dry(market, historical_processor)
    assert indicators["values_written"] > 0

    # What is materialized by now is changed beneath: the dry run has to compute it again as a refresh does.
    trade(market, NOW - 3 * DAY, 40, 2, price=50)
    assert run_dry(market, live_gap_monitor)["candles_revised"] == 40
    later = NOW + 6 * HOUR
    indicators = run_dry(market, historical_processor, later)
    assert min(indicators[name] for name in ("marks_taken", "refreshes", "values_changed")) > 0
    assert not run_dry(market, historical_processor, later)["marks_taken"]


def test_a_dry_run_in_pieces_says_what_all_of_them_come_to(market: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_PIECE_CANDLES", "20")
    assert run_dry(market, live_processor)["pieces"] == 3


def test_a_dry_run_ends_when_others_have_waited_long_enough(
    market: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVE_PIECE_CANDLES", "7")
    monkeypatch.setenv("DRY_RUN_SECONDS", "0.000001")
    told = live_processor(event(NOW, dry=True), Context())
    assert (told["pieces"], told["pieces_left"] > 5) == (1, True)


def test_a_dry_run_that_fails_leaves_nothing_either(market: Connection) -> None:
    market.execute("ALTER TABLE market.candles ADD CONSTRAINT nothing_fits CHECK (volume < 0) NOT VALID")
    before = whole(market)
    try:
        with pytest.raises(Permanent, match="nothing_fits"):
            live_gap_monitor(event(NOW, dry=True), Context())
        assert whole(market) == before
    finally:
        market.execute("ALTER TABLE market.candles DROP CONSTRAINT nothing_fits")
    # The connection serves the next run.
    assert live_gap_monitor(event(NOW), Context())["candles_written"] == 40


def test_what_would_be_dropped_is_not(market: Connection) -> None:
    live_processor(event(NOW), Context())
    keep(market)
    came_in_time(market)
    later = NOW + 91 * DAY
    policies = run_dry(market, policy_maintenance, later)
    assert "ticks from 2026-03-08T00:00Z on: minutes there are still to be aggregated" in policies["retention_waits"]
    for each in (live_gap_monitor, historical_gap_monitor):
        each(event(NOW), Context())
    kept = count(market, "ticks")
    run_dry(market, policy_maintenance, later + 6 * HOUR)
    assert count(market, "ticks") < kept


def test_a_policy_that_fails_in_a_dry_run_keeps_no_other_from_being_reported(market: Connection) -> None:
    policy_maintenance(event(NOW), Context())
    hold_jobs(market)
    market.execute("ALTER FUNCTION market.drop_before RENAME TO dropped_before")
    try:
        later = NOW + 10 * DAY
        with pytest.raises(Exception, match="drop_before") as dry:
            policy_maintenance(event(later, dry=True), Context())
        with pytest.raises(Exception, match="drop_before") as real:
            policy_maintenance(event(later), Context())
    finally:
        market.execute("ALTER FUNCTION market.dropped_before RENAME TO drop_before")
    assert str(dry.value) == str(real.value)
    reports = [without_the_moment(asdict(each.value.report)) for each in (dry, real)]  # type: ignore[attr-defined]
    assert reports[0] == reports[1]


def test_a_run_that_counts_waits_for_a_dry_one_and_does_it_all(
    market: Connection, database_url: str, server_url: str
) -> None:
    other = Settings(database_url=database_url)
    with connect(other, "test") as beside, ThreadPoolExecutor(1) as pool:
        with dry_running(market):
            assert live(market, NOW).candles_written == 60
            waiting = pool.submit(live, beside, NOW)
            # Readers do not wait, and see nothing of it.
            with connect(other, "test") as reader:
                assert reader.execute("SELECT count(*) FROM market.candles").fetchone() == (0,)
                while not reader.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchall():
                    assert not waiting.done()
        assert waiting.result().candles_written == 60


def test_a_dry_transaction_ends_as_one_does(database_url: str) -> None:
    with connect(Settings(database_url=database_url), "test") as connection:
        with dry_running(connection):
            for _ in range(2):
                with transaction(connection):
                    connection.execute("CREATE TEMPORARY TABLE piece (n integer) ON COMMIT DROP")
            with pytest.raises(Permanent, match="no_such"), transaction(connection):
                connection.execute("CREATE TEMPORARY TABLE piece AS SELECT * FROM no_such")
            assert connection.execute("SELECT to_regclass('piece')").fetchone() == (None,)
        with transaction(connection):
            connection.execute("INSERT INTO market.feeds VALUES ('kept', 60)")
        assert connection.execute("SELECT count(*) FROM market.feeds").fetchone() == (1,)


def test_nothing_but_our_own_connections_runs_dry(database_url: str) -> None:
    with (
        Connection.connect(database_url, autocommit=True) as connection,
        pytest.raises(TypeError, match="connect"),
        dry_running(connection),
    ):
        pass
