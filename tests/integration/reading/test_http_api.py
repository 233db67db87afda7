"""The HTTP API's handler, called as API Gateway calls it: what it answers, page by page, and whether it may be kept."""

import csv
import io
import json
import math
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import Connection

from chandlery.health.check_health import HealthReport, check_health
from chandlery.platform.schema import REVISION
from chandlery.reference.domain.instrument import exchange_of
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import MINUTE, floor_minute
from functions.http_api import handler
from local.command_line.functions import LocalContext
from local.http_server import event_of
from tests.integration.api_scene import (
    AFTER,
    COIN,
    EMPTY,
    OPENS,
    SHARE,
    STRANGE,
    call,
    candles,
    compute,
    get,
    settings,
)
from tests.integration.api_scene import scene as scene
from tests.integration.api_scene import service as service
from tests.integration.derived_scene import derived
from tests.integration.market import around_the_clock


def test_the_service_is_ready() -> None:
    answer = get("/api/v1/health")
    assert (answer.status, answer.json["status"], answer.headers["Cache-Control"]) == (200, "ready", "no-store")
    assert answer.json["schema_revision"] == REVISION
    status = get("/api/v1/timeframe-aggregation/status").json
    # Half an hour of a coin is missing.
    assert (answer.json["health"], [cause["subject"] for cause in answer.json["causes"]]) == ("WARNING", ["gaps"])
    assert (answer.json["health"], answer.json["causes"]) == (status["health"], status["causes"])


def test_strangers_see_the_verdict_alone() -> None:
    answer = get("/health")
    assert (answer.status, answer.json) == (200, {"status": "ready", "health": "WARNING"})
    assert answer.headers["Cache-Control"] == "no-store"
    with settings("postgresql://desk:s3cret-word@127.0.0.1:1/desk"):
        assert (get("/health").status, get("/health").json) == (503, {"status": "not ready"})


def test_however_often_health_is_asked_the_database_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    health = sys.modules["functions.http_api.health"]
    looks = []

    def look(connection: Connection, at: datetime) -> HealthReport:
        looks.append(at)
        return check_health(connection, at)

    get("/health")
    monkeypatch.setattr(health, "check_health", look)
    monkeypatch.setattr(health, "KEPT_SECONDS", 3_600)
    monkeypatch.setattr(health, "_probe", None)
    answers = [get(path) for path in ("/health", "/api/v1/health") for _ in range(20)]
    assert {answer.status for answer in answers} == {200}
    assert len(looks) == 1
    monkeypatch.setattr(health, "_begun_at", -math.inf)
    get("/health")
    assert len(looks) == 2


@pytest.mark.parametrize("timeframe", [each.value for each in Timeframe])
def test_candles_of_every_timeframe(scene: Connection, timeframe: str) -> None:
    answer = candles(SHARE, timeframe, limit=10_000)
    assert answer.status == 200
    told = {datetime.fromisoformat(each["time"]): each for each in answer.json["candles"]}
    if timeframe == "1m":
        assert len(told) == 5 * 390 * 49 // 50
    else:
        stored = derived(scene, 1, timeframe)
        assert told.keys() == stored.keys()
        for time, candle in stored.items():
            prices = (candle.open, candle.high, candle.low, candle.close, candle.volume, candle.trades)
            names = ("open", "high", "low", "close", "volume", "trades")
            assert tuple(told[time][name] for name in names) == tuple(None if p is None else float(p) for p in prices)
    assert all(each["closed"] and not each["filled"] for each in told.values())
    assert answer.json["next_cursor"] is None


@pytest.mark.parametrize(
    ("alias", "timeframe"),
    [("5minutes", "5m"), ("5minute", "5m"), ("1hour", "1h"), ("4hours", "4h"), ("1day", "1d"), ("1month", "1mo")],
)
def test_a_timeframe_has_several_names(alias: str, timeframe: str) -> None:
    told = candles(SHARE, alias, limit=3)
    assert told.json["timeframe"] == timeframe
    assert told.json == candles(SHARE, timeframe, limit=3).json
    assert compute(SHARE, alias).json["timeframe"] == timeframe


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "backward"])
@pytest.mark.parametrize("accept", ["application/json", "text/csv"], ids=["json", "csv"])
def test_pages_hold_each_candle_once(accept: str, *, forward: bool) -> None:
    asked: dict[str, Any] = {"limit": 777, "accept": accept}
    asked |= {"from_": OPENS.isoformat()} if forward else {"to": AFTER.isoformat()}
    whole = [each["time"] for each in candles(SHARE, "1m", limit=10_000).json["candles"]]
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    for _ in range(5):
        answer = candles(SHARE, "1m", **asked, **cursor)
        assert answer.status == 200
        if accept == "text/csv":
            assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
            pages.append([row["time"] for row in csv.DictReader(io.StringIO(answer.text))])
            following = answer.headers.get("X-Next-Cursor")
        else:
            pages.append([each["time"] for each in answer.json["candles"]])
            following = answer.json["next_cursor"]
        if following is None:
            break
        cursor = {"cursor": following}
    assert [len(page) for page in pages] == [777, 777, 1911 - 2 * 777]
    assert [time for page in (pages if forward else pages[::-1]) for time in page] == whole


def test_csv_has_every_digit(scene: Connection) -> None:
    answer = candles(SHARE, "1h", accept="text/csv", limit=5)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    stored = derived(scene, 1, "1h")
    assert len(rows) == 5
    for row in rows:
        candle = stored[datetime.fromisoformat(row["time"])]
        assert candle.turnover is not None
        assert [Decimal(row[name]) for name in ("open", "high", "low", "close", "volume")] == [
            candle.open, candle.high, candle.low, candle.close, candle.volume,
        ]  # fmt: skip
        assert abs(Decimal(row["vwap"]) - candle.turnover / candle.volume) < Decimal("1e-9")
        assert (row["closed"], row["filled"]) == ("true", "false")


def test_json_wins_where_neither_is_named() -> None:
    for accept in ("", "*/*", "application/json, text/plain, */*"):
        assert candles(SHARE, "5m", limit=1, accept=accept).headers["Content-Type"] == "application/json"


def test_flat_candles_are_made_up_and_marked() -> None:
    asked: dict[str, Any] = {"from_": OPENS.isoformat(), "to": (OPENS + timedelta(minutes=60)).isoformat()}
    plain, filled = candles(SHARE, "1m", **asked).json["candles"], candles(SHARE, "1m", fill="flat", **asked).json
    assert [each for each in filled["candles"] if not each["filled"]] == plain
    made_up = [each for each in filled["candles"] if each["filled"]]
    assert [each["time"] for each in made_up] == ["2013-10-07T13:37:00Z", "2013-10-07T14:27:00Z"]
    closes = {each["time"]: each["close"] for each in plain}
    assert {made_up[0][name] for name in ("open", "high", "low", "close")} == {closes["2013-10-07T13:36:00Z"]}
    assert (made_up[0]["volume"], made_up[0]["vwap"]) == (0, None)


def test_open_and_partial_candles_are_left_out_when_asked() -> None:
    whole = candles(COIN, "1h").json["candles"]
    assert (whole[-1]["closed"], whole[-1]["partial"]) == (False, True)
    closed = candles(COIN, "1h", include_partial="false").json["candles"]
    assert closed == [each for each in whole if each["closed"] and not each["partial"]]


def test_keys_of_any_characters(scene: Connection) -> None:
    assert candles(STRANGE, "1m").json["instrument_key"] == STRANGE
    assert len(candles(STRANGE, "1m").json["candles"]) == 9
    assert compute(STRANGE, "1m").status == 200
    assert get("/api/v1/gaps", instrument_key=STRANGE).status == 200
    assert get("/api/v1/price-changes", instrument_key=STRANGE).json["price_changes"][0]["instrument_key"] == STRANGE


@pytest.mark.parametrize("key", ["BINANCE@BTC/USDT@SPOT", "X@A#1?b=2@EQ", "X@50%off'\"\\@EQ", "X@₿/₮@EQ"])
@pytest.mark.parametrize("decoded", [True, False], ids=["decoded", "encoded"])
def test_every_key_that_is_accepted_is_reached_by_every_route(scene: Connection, key: str, *, decoded: bool) -> None:
    """Whether or not API Gateway decodes the path."""
    around_the_clock(scene, key)
    keyed = f"/api/v1/instruments/{quote(key, safe='')}"
    for path in (f"/api/v1/candles/{quote(key, safe='')}", keyed, f"{keyed}/latest", f"{keyed}/statistics"):
        event = event_of("GET", f"{path}?timeframe=1m" if "candles" in path else path, {}, b"")
        if not decoded:
            event["rawPath"] = event["requestContext"]["http"]["path"] = path
        answered = handler(event, LocalContext("http_api", 29))
        assert (answered["statusCode"], json.loads(answered["body"])["instrument_key"]) == (200, key)
    scene.execute("DELETE FROM market.instruments WHERE instrument_key = %s", [key])


@pytest.mark.parametrize("key", ["X@A%2FB@EQ", "X@A@EQ/latest"])
def test_a_key_that_a_path_could_not_hold_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is not an instrument key"):
        exchange_of(key)


def test_a_date_is_its_midnight_in_utc() -> None:
    dated = candles(SHARE, "1h", from_="2013-10-08", to="2013-10-09").json["candles"]
    assert dated == candles(SHARE, "1h", from_="2013-10-08T00:00Z", to="2013-10-09T00:00Z").json["candles"] != []


def test_nothing_is_there_and_that_is_an_answer() -> None:
    assert candles(EMPTY, "1m").json["candles"] == []
    assert candles(SHARE, "1m", from_="2014-01-01T00:00Z", to="2014-02-01T00:00Z").json["candles"] == []
    told = compute(EMPTY).json
    assert (told["time"], told["last"], told["indicators"][0]["outputs"]) == ([], None, {"real": []})
    assert compute(SHARE, from_="2014-01-01T00:00Z", to="2014-02-01T00:00Z").json["time"] == []
    latest = get(f"/api/v1/instruments/{EMPTY}/latest").json
    assert set(latest.values()) == {EMPTY, None}
    assert get(f"/api/v1/instruments/{EMPTY}/statistics").json["days"] == 0


def test_instruments_by_pages() -> None:
    assert get(f"/api/v1/instruments/{SHARE}").json["time_zone"] == "America/New_York"
    whole = get("/api/v1/instruments").json["instruments"]
    assert {each["instrument_key"] for each in whole} == {SHARE, EMPTY, COIN, STRANGE}
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = get("/api/v1/instruments", limit=3, **cursor).json
        found += page["instruments"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == whole
    assert [each["instrument_key"] for each in get("/api/v1/instruments", prefix="CRYPTO").json["instruments"]] == [
        COIN
    ]


def test_what_is_newest(scene: Connection) -> None:
    newest = candles(COIN, "1m", limit=1).json["candles"][0]
    latest = get(f"/api/v1/instruments/{COIN}/latest").json
    assert (latest["candle_time"], latest["close"]) == (newest["time"], newest["close"])
    assert latest["tick_time"] is None
    days = candles(SHARE, "1d").json["candles"]
    statistics = get(f"/api/v1/instruments/{SHARE}/statistics").json
    assert statistics["minutes"] == 1911
    assert statistics["high"] == max(each["high"] for each in days)
    assert statistics["days"] == 5


def test_price_changes_are_sorted() -> None:
    rows = get("/api/v1/price-changes", sort="change", order="ascending").json["price_changes"]
    assert {row["instrument_key"] for row in rows} == {SHARE, COIN, STRANGE}
    percents = [row["previous"]["percent"] for row in rows]
    assert percents == sorted(percents)
    named = get("/api/v1/price-changes", instrument_key=[SHARE, COIN], sort="key", order="ascending")
    assert [row["instrument_key"] for row in named.json["price_changes"]] == [COIN, SHARE]


def test_gaps_and_coverage() -> None:
    gaps = get("/api/v1/gaps", instrument_key=COIN).json["gaps"]
    assert 30 in [gap["minutes"] for gap in gaps]
    reason = gaps[0]["reason"]
    both = get("/api/v1/gaps", reason=[reason, "unhealable"], healed="true").json["gaps"]
    assert {gap["reason"] for gap in both} == {reason}
    coverage = get("/api/v1/coverage", instrument_key=[COIN, SHARE], from_="2013-10-07", to="2013-10-11").json
    days = {(day["instrument_key"], day["session_date"]): day for day in coverage["days"]}
    day = days[SHARE, "2013-10-08"]
    # The minute that starts at the close is expected as well.
    assert day["expected"] == day["present"] + day["missing"] + day["explained"] + day["not_judged"]
    assert get("/api/v1/coverage", instrument_key=COIN).status == 200
    asked: dict[str, Any] = {"from_": "2013-10-07", "to": "2013-10-11"}
    whole = get("/api/v1/coverage", **asked).json
    pages = [get("/api/v1/coverage", limit=1, **asked).json]
    while pages[-1]["next_cursor"]:
        pages.append(get("/api/v1/coverage", limit=1, cursor=pages[-1]["next_cursor"], **asked).json)
    assert whole["next_cursor"] is None
    assert len(pages) == 4
    assert [day for page in pages for day in page["days"]] == whole["days"]


def test_how_all_fares() -> None:
    candles(SHARE, "1m", limit=1)
    candles(SHARE, "1m", limit=1)
    told = get("/api/v1/timeframe-aggregation/status").json
    assert {each["aggregate"] for each in told["aggregates"]} >= {"candles_5m", "candles_1h"}
    assert told["cache"]["hits_l1"] >= 1
    assert told["cache"]["l2"] == "absent"
    assert told["cache"]["bytes"] > 0


def test_everything_that_can_be_computed_is_listed() -> None:
    told = get("/api/v1/indicators").json["indicators"]
    assert len(told) > 150
    (rsi,) = (each for each in told if each["name"] == "rsi")
    period = rsi["parameters"][0]
    assert [period[name] for name in ("name", "default", "minimum", "maximum")] == ["timeperiod", 14, 2, 100_000]


TAGGED = [
    f"/api/v1/candles/{SHARE}?timeframe=5m&limit=3",
    "/api/v1/instruments",
    f"/api/v1/instruments/{SHARE}",
    f"/api/v1/instruments/{SHARE}/statistics",
    "/api/v1/price-changes",
    "/api/v1/indicators",
    "/api/v1/gaps",
    "/api/v1/coverage?from=2013-10-07&to=2013-10-11&instrument_key=" + SHARE,
]


@pytest.mark.parametrize("target", TAGGED, ids=[target.removeprefix("/api/v1/")[:12] for target in TAGGED])
def test_what_the_caller_has_is_not_sent_again(target: str) -> None:
    first = call("GET", target)
    tag = first.headers["ETag"]
    assert (first.status, tag[:3], tag[-1]) == (200, 'W/"', '"')
    for given in (tag, tag.removeprefix("W/"), f'"another", {tag}', "*"):
        again = call("GET", target, if_none_match=given)
        assert (again.status, again.text, again.headers["ETag"]) == (304, "", tag)
        assert "Content-Type" not in again.headers
    assert call("GET", target, if_none_match='"another"').status == 200


def test_a_tag_is_of_one_question() -> None:
    tags = [
        candles(SHARE, "5m", limit=3).headers["ETag"],
        candles(SHARE, "5m", limit=4).headers["ETag"],
        candles(SHARE, "15m", limit=3).headers["ETag"],
        candles(SHARE, "5m", limit=3, accept="text/csv").headers["ETag"],
        candles(SHARE, "5m", limit=3, include_partial="false").headers["ETag"],
    ]
    assert len(set(tags)) == len(tags)


def test_an_answer_is_kept_and_found_again() -> None:
    first, second = candles(SHARE, "1h", limit=7), candles(SHARE, "1h", limit=7)
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("miss", "hit")
    assert first.text == second.text
    computed = [compute(limit=20).json for _ in range(2)]
    assert [each["used"].pop("cache") for each in computed] == ["miss", "hit"]
    assert computed[0] == computed[1]


def test_the_session_cannot_write(scene: Connection) -> None:
    from functions.http_api.sandbox import SANDBOX

    def write(connection: Connection) -> None:
        connection.execute("INSERT INTO market.calendars (calendar, time_zone) VALUES ('mine', 'UTC')")

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        SANDBOX.read(write)


ROUTES = [
    "/health",
    "/api/v1/health",
    f"/api/v1/candles/{SHARE}?timeframe=1m",
    f"/api/v1/candles/{SHARE}?timeframe=5m&fill=flat",
    f"/api/v1/candles/{COIN}?timeframe=1d&fill=flat",
    "/api/v1/instruments",
    f"/api/v1/instruments/{SHARE}",
    f"/api/v1/instruments/{SHARE}/latest",
    f"/api/v1/instruments/{SHARE}/statistics",
    "/api/v1/price-changes",
    "/api/v1/indicators",
    "/api/v1/gaps",
    "/api/v1/changes",
    "/api/v1/coverage",
    "/api/v1/timeframe-aggregation/status",
]


def test_a_role_that_may_only_read_serves_every_route(scene: Connection, server_url: str, migrated_url: str) -> None:
    role = f"chandlery_reader_{scene.info.backend_pid}"
    scene.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reads'")
    try:
        scene.execute(f"GRANT USAGE ON SCHEMA market TO {role}")
        scene.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA market TO {role}")
        at = psycopg.conninfo.make_conninfo(migrated_url, user=role, password="reads")
        with settings(at):
            for target in ROUTES:
                assert call("GET", target).status == 200, target
            assert compute().status == 200
            # And what is found in the cache, by its fingerprint.
            assert candles(SHARE, "5m").headers["X-Cache"] == "miss"
            assert candles(SHARE, "5m").headers["X-Cache"] == "hit"
    finally:
        scene.execute(f"DROP OWNED BY {role}")
        scene.execute(f"DROP ROLE {role}")


def test_paths_and_methods_that_are_not_there() -> None:
    assert get("/api/v2/candles").status == 404
    answer = call("DELETE", f"/api/v1/candles/{SHARE}")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    answer = call("GET", "/api/v1/compute")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_a_minute_that_opens_is_shown_in_time(scene: Connection) -> None:
    """Without an end, an answer is of the moment: a candle that comes is in the next one."""
    first = candles(STRANGE, "1m", limit=1).json["candles"][0]
    assert candles(STRANGE, "1m", limit=1).json["candles"][0] == first
    newest = datetime.fromisoformat(first["time"]) + MINUTE
    assert newest <= floor_minute(datetime.now(UTC))
    scene.execute(
        "INSERT INTO market.candles SELECT (json_populate_record(c, %s::json)).* FROM market.candles AS c"
        " WHERE instrument_id = 4 ORDER BY time DESC LIMIT 1",
        [json.dumps({"time": newest.isoformat()})],
    )
    assert candles(STRANGE, "1m", limit=1).json["candles"][0]["time"] > first["time"]
