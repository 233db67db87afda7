"""The artifact that `sam build` makes, run by Lambda's own runtime client."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from alembic import command
from psycopg import Connection

from chandlery.platform.migrations import alembic_config
from chandlery.platform.schema import REVISION
from local.emulation.building import ARCHITECTURE, build
from tests.artifacts import foreign_libraries, layers_of, read_template, unpack
from tests.e2e.lambda_runtime import Sandbox, copy_runtime_client
from tests.integration.api_scene import minute
from tests.integration.derived_scene import write
from tests.integration.market import around_the_clock

REPO = Path(__file__).resolve().parents[2]
EVENT = json.loads((REPO / "events" / "live_processor.json").read_text())
API = "HttpApi"
API_EVENTS = sorted((REPO / "events").glob("http_api_*.json"))
INGEST, RECORDS, DESK = "TickIngest", "RecordApi", "DeskApi"
RECORD_EVENTS = sorted((REPO / "events").glob("record_api_*.json"))
DESK_EVENTS = sorted((REPO / "events").glob("desk_api_*.json"))
INGEST_EVENTS = sorted((REPO / "events").glob("tick_ingest_*.json"))
MIGRATE = "Migrate"
MIGRATE_EVENTS = sorted((REPO / "events").glob("migrate_*.json"))
# What these answer needs numpy and TA-Lib.
NUMERIC_EVENTS = {"http_api_compute", "http_api_indicators"}
HEALTH_EVENTS = {"http_api_health", "http_api_whole_health"}
# Every function of the template that a schedule invokes → its module.
MODULES = {
    "LiveProcessor": "live_processor",
    "OptionProcessor": "option_processor",
    "AlertProcessor": "alert_processor",
    "LiveGapMonitor": "live_gap_monitor",
    "PolicyMaintenance": "policy_maintenance",
    "HistoricalGapMonitor": "historical_gap_monitor",
    "HistoricalProcessor": "historical_processor",
    "SignalProcessor": "signal_processor",
}
LAMBDA_LAYERS_LIMIT = 250 * 2**20


@pytest.fixture(scope="session")
def template(built: Path) -> Any:
    """The template as built: its paths lead to the artifacts."""
    return read_template(built)


@pytest.fixture(scope="session")
def opt(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lambda's /opt of most functions: the layers that all have, one over the other."""
    folder = tmp_path_factory.mktemp("opt")
    unpack(layers_of(built, "LiveProcessor"), folder)
    return folder


@pytest.fixture(scope="session")
def opt_with_indicators(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lambda's /opt of the functions that have a layer more."""
    folder = tmp_path_factory.mktemp("opt")
    unpack(layers_of(built, "HistoricalProcessor"), folder)
    return folder


@pytest.fixture(scope="session")
def opt_with_migrations(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lambda's /opt of the function that migrates."""
    folder = tmp_path_factory.mktemp("opt")
    unpack(layers_of(built, MIGRATE), folder)
    return folder


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lambda's runtime client, alone."""
    folder = tmp_path_factory.mktemp("runtime") / "client"
    copy_runtime_client(folder)
    return folder


@pytest.fixture
def sandbox(
    request: pytest.FixtureRequest, built: Path, template: Any, opt: Path, client: Path, database_url: str
) -> Iterator[Sandbox]:
    """A function, deployed: the live processor where a test names no other."""
    properties = template["Resources"][getattr(request, "param", "LiveProcessor")]["Properties"]
    for layer in properties.get("Layers", []):
        opt = request.getfixturevalue(
            {"IndicatorsLayer": "opt_with_indicators"}.get(layer["Ref"], "opt_with_migrations")
        )
    environment = {
        "DATABASE_URL": database_url,
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "BAD_RECORDS_QUEUE_URL": "https://queue.example/bad",
    }
    with Sandbox(built / properties["CodeUri"], opt, client, properties["Handler"], environment) as started:
        yield started


def test_the_artifact_holds_what_it_needs_and_no_more(built: Path, opt: Path) -> None:
    assert (opt / "python" / "chandlery" / "platform" / "component.py").is_file()
    assert {path.name for path in (opt / "queries").rglob("*.sql")} == {
        path.name for path in (REPO / "sql" / "queries").rglob("*.sql")
    }
    source = REPO / "functions"
    for name in (*MODULES, INGEST, API, RECORDS, DESK, MIGRATE):
        files = {path.relative_to(built / name) for path in (built / name).rglob("*") if path.is_file()}
        # The page, what draws it, and the runbook that it links to.
        page = {path for path in files if path.parts[:2] == ("http_api", "page")}
        assert files - page == {path.relative_to(source) for path in source.rglob("*.py")}
        own = {path.relative_to(source) for path in (source / "http_api" / "page").rglob("*") if path.is_file()}
        runbook = {Path("http_api/page/runbook", path.name) for path in (REPO / "docs" / "runbook").glob("*.md")}
        assert page == own | runbook
    layer = [path for path in (built / "ChandleryLayer").rglob("*") if path.is_file()]
    # Bytecode would be some other interpreter's, or of a file that is gone.
    assert not [path for path in layer if path.suffix == ".pyc"]
    assert sum(path.stat().st_size for path in layer) < LAMBDA_LAYERS_LIMIT / 5


@pytest.mark.long
def test_libraries_are_of_the_processor_asked_for(built: Path, tmp_path: Path) -> None:
    assert foreign_libraries(built, ARCHITECTURE) == (ANY, [])
    (other,) = {"arm64", "x86_64"} - {ARCHITECTURE}
    # psycopg has no library for arm64 that Amazon Linux 2, and with it Lambda's python3.11, could load.
    layer = "ChandleryLayer" if sys.version_info >= (3, 12) else "MigrationsLayer"
    build(tmp_path / "other", other, layer)
    assert foreign_libraries(tmp_path / "other", other) == (ANY, [])
    count, foreign = foreign_libraries(tmp_path / "other", ARCHITECTURE)
    assert len(foreign) == count > 0


def test_third_party_numerics_have_a_layer_of_their_own(built: Path, template: Any, opt_with_indicators: Path) -> None:
    layer = built / "IndicatorsLayer" / "python"
    packages = {path.name for path in layer.iterdir() if (path / "__init__.py").is_file()}
    assert packages == {"numpy", "talib"}
    assert not [name for name in packages if (built / "ChandleryLayer" / "python" / name).exists()]
    files = [path for path in opt_with_indicators.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"layers of the historical processor: {size / 2**20:.0f} MiB")
    assert size < LAMBDA_LAYERS_LIMIT
    assert having(template, "IndicatorsLayer") == {"HistoricalProcessor", "OptionProcessor", "SignalProcessor", API}
    assert (opt_with_indicators / "indicators.toml").is_file()


def having(template: Any, layer: str) -> set[str]:
    """The functions that have one more layer than all others have."""
    functions = {
        name: template["Resources"][name]["Properties"] for name in (*MODULES, INGEST, API, RECORDS, DESK, MIGRATE)
    }
    return {name for name, each in functions.items() if {"Ref": layer} in each.get("Layers", [])}


def test_migrations_have_a_layer_of_their_own(built: Path, template: Any, opt_with_migrations: Path) -> None:
    layer = built / "MigrationsLayer" / "python"
    packages = {path.name for path in layer.iterdir() if (path / "__init__.py").is_file()}
    assert packages == {"alembic", "mako", "markupsafe", "sqlalchemy"}
    assert not [name for name in packages if (built / "ChandleryLayer" / "python" / name).exists()]
    size = sum(path.stat().st_size for path in opt_with_migrations.rglob("*") if path.is_file())
    print(f"layers of the function that migrates: {size / 2**20:.0f} MiB")
    assert size < LAMBDA_LAYERS_LIMIT / 3
    assert having(template, "MigrationsLayer") == {MIGRATE}
    for kind in ("migrations", "schema"):
        ours = {path.relative_to(REPO / "sql") for path in (REPO / "sql" / kind).rglob("*.*") if path.suffix != ".pyc"}
        assert {name for name in ours if not (opt_with_migrations / name).is_file()} == set() != ours


def test_the_sandbox_sees_the_artifact_and_nothing_else(sandbox: Sandbox, built: Path, opt: Path) -> None:
    code = """
import importlib.util, json, live_processor, chandlery, psycopg
from chandlery.platform.statements import SQL
print(json.dumps([live_processor.__file__, chandlery.__file__, psycopg.__file__, str(SQL),
    psycopg.pq.__impl__, importlib.util.find_spec("boto3") is None, importlib.util.find_spec("alembic") is None]))
"""
    function, package, driver, sql, implementation, no_boto3, no_alembic = json.loads(sandbox.run_python(code))
    assert Path(function) == built / "LiveProcessor" / "live_processor.py"
    assert Path(package) == opt / "python" / "chandlery" / "__init__.py"
    assert Path(driver).is_relative_to(opt / "python")
    assert Path(sql) == opt
    assert implementation == "binary"
    # So a run with DATABASE_URL that succeeds has not imported it; with a secret, Lambda's own boto3 is there.
    assert no_boto3
    assert no_alembic


def test_a_scheduled_event_becomes_candles(sandbox: Sandbox, connection: Connection) -> None:
    scheduled_at = datetime.fromisoformat(EVENT["scheduled_at"])
    bucket = scheduled_at - timedelta(minutes=1)
    instrument_id = insert_ticks(connection, bucket)

    outcome = sandbox.invoke(EVENT)

    assert outcome.error is None
    assert outcome.result["candles_written"] == 1
    assert outcome.result["lag_seconds"] == 0
    candles = connection.execute(
        "SELECT instrument_id, time, open, high, low, close, volume, trades, source::text FROM market.candles"
    ).fetchall()
    prices = [Decimal(price) for price in ("10.1", "10.3", "10.1", "10.2")]
    assert candles == [(instrument_id, bucket, *prices, 6, 3, "live_aggregated")]
    runs = connection.execute("SELECT component, scheduled_at, status FROM market.runs").fetchall()
    assert runs == [("live_processor", scheduled_at, "succeeded")]
    assert metrics_of(sandbox)["CandlesWritten"] == [1]

    again = sandbox.invoke(EVENT)

    assert again.error is None
    assert again.result["candles_written"] == 0


def test_the_template_has_no_other_function(template: Any) -> None:
    kinds = {name: resource["Type"] for name, resource in template["Resources"].items()}
    functions = {name for name, kind in kinds.items() if kind == "AWS::Serverless::Function"}
    assert functions == {*MODULES, INGEST, API, RECORDS, DESK, MIGRATE}


def test_every_event_is_somebodys() -> None:
    named = {path.stem for path in (REPO / "events").iterdir()}
    others = (*API_EVENTS, *INGEST_EVENTS, *RECORD_EVENTS, *DESK_EVENTS, *MIGRATE_EVENTS)
    assert named == {*MODULES.values(), *(path.stem for path in others)}


@pytest.mark.parametrize(("sandbox", "module"), MODULES.items(), indirect=["sandbox"], ids=MODULES.values())
def test_every_function_runs_on_its_own_event(sandbox: Sandbox, connection: Connection, module: str) -> None:
    event = json.loads((REPO / "events" / f"{module}.json").read_text())

    outcome = sandbox.invoke(event)

    assert outcome.error is None
    assert outcome.result.get("candles_written", 0) == 0
    runs = connection.execute("SELECT component, scheduled_at, status FROM market.runs").fetchall()
    assert runs == [(module, datetime.fromisoformat(event["scheduled_at"]), "succeeded")]
    assert (metrics_of(sandbox)["Runs"], metrics_of(sandbox)["Failures"]) == ([1], [0])


@pytest.mark.parametrize(
    ("sandbox", "module", "age", "source"),
    [
        ("LiveGapMonitor", "live_gap_monitor", timedelta(days=2), "live_gap_filled"),
        ("HistoricalGapMonitor", "historical_gap_monitor", timedelta(days=9), "historical_aggregated"),
    ],
    indirect=["sandbox"],
    ids=["live_gap_monitor", "historical_gap_monitor"],
)
def test_a_gap_monitor_heals_and_keeps_the_ledger(
    sandbox: Sandbox, connection: Connection, module: str, age: timedelta, source: str
) -> None:
    event = json.loads((REPO / "events" / f"{module}.json").read_text())
    bucket = datetime.fromisoformat(event["scheduled_at"]).replace(hour=12, minute=0) - age
    insert_ticks(connection, bucket)

    # With less time than Lambda gives it, the historical one would not begin.
    outcome = sandbox.invoke(event, seconds=900)

    assert outcome.error is None
    assert outcome.result["candles_written"] == 1
    assert outcome.result["gaps_open"] == outcome.result["gaps_found"] == 1
    candles = connection.execute("SELECT time, trades, source::text, partial FROM market.candles").fetchall()
    # The feed said nothing for the last 39 seconds of the minute, so it is not all there.
    assert candles == [(bucket, 3, source, True)]
    (gap,) = connection.execute("SELECT starts, ends, reason::text FROM market.gaps WHERE healed_at IS NULL").fetchall()
    midnight = bucket.replace(hour=0) + timedelta(days=1)
    assert gap == (bucket, midnight, "feed_down")
    assert metrics_of(sandbox)["GapsFound"] == [1]

    again = sandbox.invoke(event, seconds=900)

    assert again.error is None
    assert (again.result["candles_written"], again.result["gaps_found"], again.result["gaps_open"]) == (0, 0, 1)


@pytest.mark.parametrize("sandbox", ["HistoricalProcessor"], indirect=True)
def test_the_historical_processor_stores_indicators(sandbox: Sandbox, connection: Connection) -> None:
    event = json.loads((REPO / "events" / "historical_processor.json").read_text())
    scheduled_at = datetime.fromisoformat(event["scheduled_at"])
    insert_candles(connection, scheduled_at - timedelta(days=1), 1000)

    # With less time than Lambda gives it, it would not begin.
    outcome = sandbox.invoke(event, seconds=900)

    assert outcome.error is None
    assert (outcome.result["marks_left"], outcome.result["indicator_marks_left"]) == (0, 0)
    counts: dict[str, int] = dict(
        connection.execute("SELECT name, count(*) FROM market.indicators WHERE timeframe = '15m' GROUP BY 1")
    )
    buckets = len(range(0, 1000, 15))
    assert (counts["obv"], counts["sma"], counts["rsi"]) == (buckets, buckets - 19, buckets - 14)
    assert metrics_of(sandbox)["IndicatorValuesWritten"] == [outcome.result["values_written"]]

    again = sandbox.invoke(event, seconds=900)

    assert again.error is None
    assert (again.result["values_written"], again.result["values_changed"]) == (0, 0)


@pytest.mark.parametrize("sandbox", [MIGRATE], indirect=True)
def test_the_function_that_migrates_runs_on_its_events(
    sandbox: Sandbox, connection: Connection, database_url: str
) -> None:
    told = {path.stem: json.loads(path.read_text()) for path in MIGRATE_EVENTS}
    assert told.keys() == {"migrate_check", "migrate_current", "migrate_sync_sessions", "migrate_upgrade"}
    command.downgrade(alembic_config(database_url), "-1")
    before = sandbox.invoke(told["migrate_current"]).result
    assert before["revision"] < before["wanted"] == REVISION

    upgraded = sandbox.invoke(told["migrate_upgrade"], seconds=900)

    assert upgraded.error is None
    assert upgraded.result == {"before": before["revision"], "revision": REVISION, "wanted": REVISION}
    assert metrics_of(sandbox)["Failures"] == [0]
    assert sandbox.invoke(told["migrate_check"]).result["differing"] == []
    synced = sandbox.invoke(told["migrate_sync_sessions"])
    assert synced.error is None
    assert [each["sessions"] for each in synced.result["calendars"]] == [2]
    assert connection.execute("SELECT count(*) FROM market.sessions").fetchone() == (2,)
    # A slip changes nothing, and the sandbox lives on.
    refused = sandbox.invoke({"do": "downgrade"})
    assert refused.error is not None
    assert refused.error["errorType"] == "Permanent"
    assert sandbox.invoke(told["migrate_current"]).result["revision"] == REVISION


@pytest.mark.parametrize("sandbox", [INGEST], indirect=True)
def test_records_of_both_sources_become_ticks(sandbox: Sandbox, connection: Connection) -> None:
    around_the_clock(connection, "NSE@NIFTY@INDEX")
    for path in INGEST_EVENTS:
        outcome = sandbox.invoke(json.loads(path.read_text()))
        assert (outcome.error, outcome.result) == (None, {"batchItemFailures": []}), path.name
    assert connection.execute("SELECT seq, price FROM market.ticks ORDER BY seq").fetchall() == [
        (1, Decimal("22000.05")),
        (2, Decimal("22000.15")),
    ]
    # The stream says again what the queue said.
    assert (metrics_of(sandbox)["RowsNew"], metrics_of(sandbox)["RowsKnown"]) == ([0], [2])


@pytest.mark.parametrize("sandbox", [RECORDS], indirect=True)
def test_posted_rows_become_ticks(sandbox: Sandbox, connection: Connection) -> None:
    around_the_clock(connection, "NSE@NIFTY@INDEX")
    (path,) = RECORD_EVENTS
    outcome = sandbox.invoke(json.loads(path.read_text()))
    assert (outcome.error, outcome.result["statusCode"]) == (None, 202)
    assert json.loads(outcome.result["body"])["new"] == 2


@pytest.mark.parametrize("sandbox", [API], indirect=True)
def test_every_route_answers_its_own_event(sandbox: Sandbox, connection: Connection) -> None:
    trade_a_day(connection)
    for path in API_EVENTS:
        for _ in range(2):
            outcome = sandbox.invoke(json.loads(path.read_text()), seconds=29)
            assert outcome.error is None
            # Health says that no component of this desk has ever run.
            expected = 503 if path.stem in HEALTH_EVENTS else 200
            assert outcome.result["statusCode"] == expected, (path.name, outcome.result["body"])
            assert expected == 200 or json.loads(outcome.result["body"])["status"] == "ready"
    computed = sandbox.invoke(json.loads((REPO / "events" / "http_api_compute.json").read_text()))
    answer = json.loads(computed.result["body"])
    assert [each["name"] for each in answer["indicators"]] == ["rsi", "macd"]
    assert (len(answer["time"]), answer["used"]["cache"]) == (10, "hit")
    # An event that is none of API Gateway's fails, and is answered all the same.
    assert sandbox.invoke({}).result["statusCode"] == 500
    assert metrics_of(sandbox)["Requests"] == [1]


def test_routes_that_compute_nothing_need_no_numerics(
    built: Path, template: Any, opt: Path, client: Path, connection: Connection, database_url: str
) -> None:
    trade_a_day(connection)
    properties = template["Resources"][API]["Properties"]
    environment = {"DATABASE_URL": database_url, "POWERTOOLS_LOG_LEVEL": "INFO"}
    with Sandbox(built / properties["CodeUri"], opt, client, properties["Handler"], environment) as sandbox:
        for path in API_EVENTS:
            outcome = sandbox.invoke(json.loads(path.read_text()), seconds=29)
            assert outcome.error is None
            expected = 500 if path.stem in NUMERIC_EVENTS else 503 if path.stem in HEALTH_EVENTS else 200
            assert outcome.result["statusCode"] == expected, (path.name, outcome.result["body"])


def test_a_malformed_event_is_a_permanent_failure(sandbox: Sandbox, connection: Connection) -> None:
    outcome = sandbox.invoke({"scheduled_at": "<aws.scheduler.scheduled-time>"})

    assert outcome.error is not None
    assert outcome.error["errorType"] == "Permanent"
    message = outcome.error["errorMessage"]
    assert message.startswith("the event is malformed: scheduled_at: ")
    assert len(message.splitlines()) == 1
    assert metrics_of(sandbox)["Failures"] == [1]
    # The sandbox lives on.
    assert sandbox.invoke(EVENT).error is None


def trade_a_day(connection: Connection) -> None:
    """What the events of the HTTP API ask for: two instruments, their sessions, a day of the first one's candles."""
    instrument, _ = around_the_clock(connection, "TEST@BTC@SPOT", "TEST@ETH@SPOT")
    starts = datetime.fromisoformat("2026-03-01T00:00:00Z")
    connection.execute("UPDATE market.instruments SET listed_at = %s", [starts])
    write(connection, instrument, [minute(starts + timedelta(minutes=number), number) for number in range(1440)])


def insert_candles(connection: Connection, starts: datetime, minutes: int) -> None:
    """N minutes of one instrument."""
    connection.execute("INSERT INTO market.calendars (calendar, time_zone) VALUES ('24/7', 'UTC')")
    connection.execute(
        "INSERT INTO market.instruments (instrument_key, calendar, feed) VALUES ('TEST@BTC@SPOT', '24/7', 'test')"
    )
    connection.execute(
        "INSERT INTO market.candles"
        " (instrument_id, time, open, high, low, close, volume, session_date, extended, source, version)"
        " SELECT 1, minute, 10, 12, 9, 10 + extract(minute FROM minute) / 100, 5, minute::date, false,"
        " 'vendor_historical', 0 FROM generate_series(%(starts)s, %(ends)s, INTERVAL '1 minute') AS minute",
        {"starts": starts, "ends": starts + timedelta(minutes=minutes - 1)},
    )


def insert_ticks(connection: Connection, bucket: datetime) -> int:
    """Three ticks of one instrument in one minute; returns the instrument's id."""
    connection.execute("INSERT INTO market.calendars (calendar, time_zone) VALUES ('24/7', 'UTC')")
    midnight = bucket.replace(hour=0, minute=0)
    connection.execute(
        "INSERT INTO market.sessions (calendar, session_date, opens_at, closes_at) VALUES ('24/7', %s, %s, %s)",
        [midnight.date(), midnight, midnight + timedelta(days=1)],
    )
    row = connection.execute(
        "INSERT INTO market.instruments (instrument_key, calendar, feed) VALUES ('TEST@BTC@SPOT', '24/7', 'test')"
        " RETURNING instrument_id"
    ).fetchone()
    assert row is not None
    for seq, price in enumerate(["10.1", "10.3", "10.2"]):
        connection.execute(
            "INSERT INTO market.ticks (time, instrument_id, seq, price, size) VALUES (%s, %s, %s, %s, %s)",
            [bucket + timedelta(seconds=10 * seq), row[0], seq, Decimal(price), seq + 1],
        )
    return int(row[0])


def metrics_of(sandbox: Sandbox) -> dict[str, Any]:
    """The values of the metrics that CloudWatch would take out of the log."""
    lines = [json.loads(line) for line in sandbox.log.splitlines() if line.startswith("{")]
    return {name: value for line in lines if "_aws" in line for name, value in line.items()}
