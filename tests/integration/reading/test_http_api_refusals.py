"""What the HTTP API refuses: each with a status it documents, in a sentence that names the field or the limit."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import jsonschema_rs
import psycopg
import pytest
from psycopg import Connection

from chandlery.platform import schema
from chandlery.platform.schema import REVISION, SERVES_CODE_FROM
from chandlery.reading.domain.cursor import write_cursor
from functions.http_api.application import app
from tests.conftest import skip_where_trusted
from tests.integration.api_scene import (
    COIN,
    SHARE,
    Answer,
    assert_told_well,
    call,
    candles,
    compute,
    get,
    settings,
)
from tests.integration.api_scene import scene as scene
from tests.integration.api_scene import service as service
from tests.integration.options.option_desk import list_contracts
from tests.waiting import LAST_RESORT_SECONDS, wait_until

NOBODY = "X@NOBODY@EQ"
UNREACHABLE = "postgresql://desk:s3cret-word@127.0.0.1:1/desk"
CANDLES = f"/api/v1/candles/{SHARE}"


def made(path: str, **changes: object) -> str:
    """The second page of a route, by a cursor that somebody has changed."""
    cursor = write_cursor(CURSORS[path] | changes)  # type: ignore[arg-type]
    return f"{path}{'&' if '?' in path else '?'}cursor={cursor}"


CURSORS: dict[str, dict[str, str | int | bool | None]] = {
    "/api/v1/instruments": {"feed": None, "calendar": None, "prefix": None, "after": ""},
    "/api/v1/price-changes": {
        "sort": "change_1d", "descending": True, "feed": None, "keys": "", "rank": "", "after": "",
    },
    "/api/v1/coverage": {
        "dataset": "candles", "keys": "", "feed": None, "from": None, "to": None,
        "after": "", "first": "2013-10-07", "last": "2013-10-07",
    },
}  # fmt: skip
INJECTION = "'; DROP TABLE market.candles; --"
LONG = "9" * 5000
# What is asked; status; the field that is named.
WRONG_QUERIES: list[tuple[str, int, str | None]] = [
    (f"/api/v1/candles/{NOBODY}?timeframe=5m", 404, None),
    (f"/api/v1/candles/{'X' * 201}?timeframe=5m", 422, "instrument_key"),
    (f"/api/v1/candles/{INJECTION}?timeframe=5m".replace(" ", "%20"), 404, None),
    (CANDLES, 422, "timeframe"),
    (f"{CANDLES}?timeframe=2m", 422, "timeframe"),
    (f"{CANDLES}?timeframe=", 422, "timeframe"),
    (f"{CANDLES}?timeframe=5m&timeframe=1m", 422, "timeframe"),
    (f"{CANDLES}?timeframe={INJECTION}".replace(" ", "%20"), 422, "timeframe"),
    (f"{CANDLES}?timeframe=5m&form=2013-10-07T00:00Z", 422, "form"),
    (f"{CANDLES}?timeframe=5m&from=2013-10-07T10:00:00", 422, "from"),
    (f"{CANDLES}?timeframe=5m&from=2013-10-32", 422, "from"),
    (f"{CANDLES}?timeframe=5m&from=1381152600", 422, "from"),
    (f"{CANDLES}?timeframe=5m&from=2013-02-30T10:00:00Z", 422, "from"),
    (f"{CANDLES}?timeframe=5m&from=2013-10-07T25:00:00Z", 422, "from"),
    (f"{CANDLES}?timeframe=5m&to=0001-01-01T00:00:00Z", 422, "to"),
    (f"{CANDLES}?timeframe=5m&to=9999-12-31T23:59:59-23:00", 422, "to"),
    (f"{CANDLES}?timeframe=5m&to={LONG}", 422, "to"),
    (f"{CANDLES}?timeframe=5m&from=2013-10-08T00:00Z&to=2013-10-07T00:00Z", 422, "from"),
    (f"{CANDLES}?timeframe=5m&from=2013-10-08T00:00Z&to=2013-10-08T00:00Z", 422, "from"),
    (f"{CANDLES}?timeframe=5m&from=2199-10-08T00:00Z", 422, "from"),
    (f"{CANDLES}?timeframe=5m&limit=0", 422, "limit"),
    (f"{CANDLES}?timeframe=5m&limit=-1", 422, "limit"),
    (f"{CANDLES}?timeframe=5m&limit=1.5", 422, "limit"),
    (f"{CANDLES}?timeframe=5m&limit=NaN", 422, "limit"),
    (f"{CANDLES}?timeframe=5m&limit=10001", 422, "limit"),
    (f"{CANDLES}?timeframe=5m&limit={LONG}", 422, "limit"),
    (f"{CANDLES}?timeframe=5m&fill=forward", 422, "fill"),
    (f"{CANDLES}?timeframe=5m&include_partial=perhaps", 422, "include_partial"),
    (f"{CANDLES}?timeframe=auto", 422, "timeframe"),
    (f"{CANDLES}?timeframe=5m&session=open", 422, "session"),
    (f"{CANDLES}?timeframe=5m&align=session", 422, "align"),
    (f"{CANDLES}?timeframe=5m&session=regular&fill=flat", 422, "fill"),
    (f"{CANDLES}?timeframe=5m&cursor=abc", 422, "cursor"),
    (f"{CANDLES}?timeframe=5m&cursor=eyJhIjoxfQ", 422, "cursor"),
    (f"{CANDLES}?timeframe=5m&cursor={INJECTION}".replace(" ", "%20"), 422, "cursor"),
    (f"/api/v1/instruments/{NOBODY}", 404, None),
    (f"/api/v1/instruments/{NOBODY}/latest", 404, None),
    (f"/api/v1/instruments/{NOBODY}/statistics", 404, None),
    (made("/api/v1/instruments", after="\0"), 422, "cursor"),
    (made("/api/v1/instruments", after="\ud800"), 422, "cursor"),
    (made("/api/v1/price-changes", after="\0"), 422, "cursor"),
    (made("/api/v1/price-changes", rank="1e200000"), 422, "cursor"),
    (made("/api/v1/price-changes", rank="NaN"), 422, "cursor"),
    (made("/api/v1/price-changes", rank="much"), 422, "cursor"),
    (made("/api/v1/coverage", first="soon"), 422, "cursor"),
    (made("/api/v1/coverage", first="1990-01-01"), 422, "from"),
    ("/api/v1/coverage?limit=1001", 422, "limit"),
    ("/api/v1/coverage?from=1990-01-01", 422, "from"),
    (f"{CANDLES}?timeframe=5m&to=1900-01-01T00:00:00Z", 422, "to"),
    (f"{CANDLES}?timeframe=5m&to=1900-01-01T00:00:00%2B05:00", 422, "to"),
    ("/api/v1/instruments?limit=10001", 422, "limit"),
    ("/api/v1/instruments?feed=%00", 422, "feed"),
    ("/api/v1/instruments?calendar=%00", 422, "calendar"),
    ("/api/v1/instruments?prefix=%00", 422, "prefix"),
    ("/api/v1/instruments?cursor=%00", 422, "cursor"),
    (f"/api/v1/price-changes?instrument_key={NOBODY}", 404, None),
    ("/api/v1/price-changes?instrument_key=%00", 422, "instrument_key.0"),
    ("/api/v1/price-changes?sort=size", 422, "sort"),
    ("/api/v1/price-changes?order=up", 422, "order"),
    ("/api/v1/price-changes?" + "&".join(["instrument_key=A"] * 101), 422, "instrument_key"),
    (f"/api/v1/gaps?instrument_key={NOBODY}", 404, None),
    ("/api/v1/gaps?instrument_key=%00", 422, "instrument_key"),
    ("/api/v1/gaps?reason=boredom", 422, "reason"),
    ("/api/v1/gaps?reason=%00", 422, "reason.0"),
    ("/api/v1/gaps?dataset=ticks", 422, "dataset"),
    ("/api/v1/gaps?healed=2", 422, "healed"),
    ("/api/v1/gaps?from=2013-10-08T00:00Z&to=2013-10-07T00:00Z", 422, "from"),
    (f"/api/v1/coverage?instrument_key={NOBODY}", 404, None),
    ("/api/v1/coverage?from=2013-02-30", 422, "from"),
    ("/api/v1/coverage?from=0", 422, "from"),
    ("/api/v1/coverage?to=2013-10-07T00:00:00", 422, "to"),
    ("/api/v1/coverage?from=2013-10-08&to=2013-10-07", 422, "from"),
    ("/api/v1/coverage?from=2010-01-01&to=2013-10-07", 422, "from"),
    ("/api/v1/coverage?from=1800-01-01&to=1800-02-01", 404, None),
    ("/api/v1/indicators?name=rsi", 422, "name"),
    ("/health?deep=1", 422, "deep"),
]


@pytest.mark.parametrize(("target", "status", "field"), WRONG_QUERIES, ids=range(len(WRONG_QUERIES)))
def test_wrong_queries(target: str, status: int, field: str | None) -> None:
    answer = call("GET", target)
    assert (answer.status, answer.fields) == (status, [field] if field else []), answer.text
    assert len(answer.text) < 1000


def asked(**said: object) -> dict[str, object]:
    body: dict[str, object] = {"instrument_key": SHARE, "timeframe": "5m", "indicators": [{"name": "sma"}]}
    return body | {name.rstrip("_"): value for name, value in said.items()}


def indicator(name: object, **parameters: object) -> dict[str, object]:
    return asked(indicators=[{"name": name, "parameters": parameters}])


PERIOD = "indicators.0.parameters.timeperiod"
ANCHOR = "indicators.0.parameters.anchor_datetime"
WRONG_BODIES: list[tuple[str | dict[str, object], int, str | None]] = [
    ("", 422, "body"),
    ("{", 400, "body"),
    ("[]", 422, "body"),
    ("null", 422, "body"),
    ('"text"', 422, "body"),
    ("[" * 50_000, 400, "body"),
    ('{"limit": ' + LONG + "}", 400, "body"),
    (json.dumps(asked()).replace('"5m"', "NaN"), 400, "body"),
    (json.dumps(indicator("sma", timeperiod=1)).replace("1}", "Infinity}"), 400, "body"),
    (json.dumps(indicator("sma", real="x")).replace('"x"', '"\\ud800"'), 400, "body"),
    (json.dumps(indicator("sma", x=1)).replace('"x"', '"\\uDfff"'), 400, "body"),
    (asked(instrument_key=NOBODY), 404, None),
    (asked(instrument_key="\0"), 422, "instrument_key"),
    (asked(instrument_key=INJECTION), 404, None),
    (asked(instrument_key=7), 422, "instrument_key"),
    (asked(instrument_key=""), 422, "instrument_key"),
    (asked(timeframe="2m"), 422, "timeframe"),
    (asked(timeframe=5), 422, "timeframe"),
    (asked(timeframe=None), 422, "timeframe"),
    (asked(from_="2013-10-07T00:00:00"), 422, "from"),
    (asked(from_="2013-10-08T00:00Z", to="2013-10-07T00:00Z"), 422, "from"),
    (asked(to="2013-13-07T00:00Z"), 422, "to"),
    (asked(to="1000-01-01T00:00Z"), 422, "to"),
    (asked(to=1e300), 422, "to"),
    (asked(to=1381152600), 422, "to"),
    (asked(limit=0), 422, "limit"),
    (asked(limit=1.5), 422, "limit"),
    (asked(limit=10_001), 422, "limit"),
    (asked(limit=10**400), 422, "limit"),
    (asked(extra=1), 422, "extra"),
    (asked(indicators=[]), 422, "indicators"),
    (asked(indicators="sma"), 422, "indicators"),
    (asked(indicators=["sma"]), 422, "indicators.0"),
    (asked(indicators=[{"name": "sma"}] * 51), 422, "indicators"),
    (asked(indicators=[{"name": "sma", "period": 3}]), 422, "indicators.0.period"),
    (asked(indicators=[{"name": "sma"}, {"name": "none"}]), 422, "indicators.1.name"),
    (indicator(None), 422, "indicators.0.name"),
    (indicator(INJECTION), 422, "indicators.0.name"),
    (indicator("漢字"), 422, "indicators.0.name"),
    (indicator("x" * 51), 422, "indicators.0.name"),
    (indicator("sma", timeperiod=0), 422, PERIOD),
    (indicator("sma", timeperiod=-1), 422, PERIOD),
    (indicator("sma", timeperiod=10**9), 422, PERIOD),
    (indicator("sma", timeperiod=10**400), 422, PERIOD),
    (indicator("sma", timeperiod=2.5), 422, PERIOD),
    (indicator("sma", timeperiod=True), 422, PERIOD),
    (indicator("sma", timeperiod=None), 422, PERIOD),
    (indicator("sma", timeperiod="14"), 422, PERIOD),
    (indicator("sma", timeperiod=[14]), 422, PERIOD),
    (indicator("sma", timeperiod={"a": INJECTION}), 422, PERIOD),
    (indicator("sma", timeperiods=3), 422, "indicators.0.parameters.timeperiods"),
    (indicator("sma", **{"Ä漢 ' \0": 3}), 422, "indicators.0.parameters.Ä漢 ' \0"),
    (indicator("sma", real="price"), 422, "indicators.0.parameters.real"),
    (indicator("anchored_vwap"), 422, ANCHOR),
    (indicator("anchored_vwap", anchor_datetime="yesterday"), 422, ANCHOR),
    (indicator("anchored_vwap", anchor_datetime="2013-11-31T10:00"), 422, ANCHOR),
    # Clocks went back at two, and forward at two: local times that come twice, and not at all.
    (indicator("anchored_vwap", anchor_datetime="2013-11-03T01:30:00"), 422, ANCHOR),
    (indicator("anchored_vwap", anchor_datetime="2013-03-10T02:30:00"), 422, ANCHOR),
    (indicator("anchored_vwap", anchor_datetime="0001-01-01T00:00:00+14:00"), 422, ANCHOR),
    (indicator("anchored_vwap", anchor_datetime=INJECTION), 422, ANCHOR),
    (asked(limit=10_000, indicators=[{"name": "bbands"}] * 50), 422, "limit"),
]


@pytest.mark.parametrize(("body", "status", "field"), WRONG_BODIES, ids=range(len(WRONG_BODIES)))
def test_wrong_bodies(body: str | dict[str, object], status: int, field: str | None) -> None:
    sent = body if isinstance(body, str) else json.dumps(body)
    answer = call("POST", "/api/v1/compute", sent.encode(), content_type="application/json")
    assert (answer.status, answer.fields) == (status, [field] if field else []), answer.text
    assert len(answer.text) < 1000


def test_thousands_of_wrong_fields_are_not() -> None:
    answer = compute(indicators=[1] * 900)
    assert answer.status == 422
    assert answer.json["errors"][-1]["detail"] == "and 880 more like these"
    assert len(answer.text) < 5000


def test_several_wrong_fields_are_all_named() -> None:
    answer = compute(timeframe="2m", limit=0, indicators=[])
    assert set(answer.fields) == {"timeframe", "limit", "indicators"}


def test_what_is_no_number_is_said() -> None:
    answer = call("POST", "/api/v1/compute", json.dumps(asked()).replace('"5m"', "NaN").encode())
    assert "NaN is no JSON" in answer.json["detail"]


def test_limits_are_reported() -> None:
    big = json.dumps(asked(instrument_key="X" * 200_000)).encode()
    assert (call("POST", "/api/v1/compute", big).status, "100,000" in call("POST", "/api/v1/compute", big).text) == (
        413,
        True,
    )
    assert "10,000" in candles(SHARE, "1m", limit=10_001).json["detail"]
    assert "10,000" in compute(limit=10_001).json["detail"]
    assert "50" in compute(indicators=[{"name": "sma"}] * 51).json["detail"]
    assert "250,000" in compute(limit=10_000, indicators=[{"name": "bbands"}] * 50).json["detail"]
    assert "366" in get("/api/v1/coverage", from_="2010-01-01", to="2013-01-01").json["detail"]
    answer = compute(limit=10_000, indicators=[{"name": "ema", "parameters": {"timeperiod": 100_000}}])
    assert (answer.status, answer.fields) == (422, ["indicators"])
    assert "200,000" in answer.json["detail"]


def test_a_stretch_is_answered_whole_or_not_at_all(migrated_url: str) -> None:
    with settings(migrated_url, API_MOST_CANDLES="100", API_MOST_ROWS="1000"):
        answer = compute(from_="2013-10-07T00:00Z", to="2013-10-12T00:00Z")
        assert (answer.status, answer.fields) == (422, ["from"])
        assert "100" in answer.json["detail"]
        # An anchor long ago reads all since.
        anchored = {"name": "anchored_vwap", "parameters": {"anchor_datetime": "2013-10-07T09:30:00"}}
        answer = compute(timeframe="1m", limit=10, to="2013-10-12T00:00Z", indicators=[anchored])
        assert (answer.status, answer.fields) == (422, ["indicators"])
        assert "1,000" in answer.json["detail"]


def test_bodies_of_other_kinds() -> None:
    sent = json.dumps(asked()).encode()
    assert call("POST", "/api/v1/compute", sent, content_type="application/xml").status == 415
    assert call("POST", "/api/v1/compute", sent, content_type="text/plain").status == 415
    assert call("POST", "/api/v1/compute", sent, content_type="multipart/form-data").status == 415
    answer = call("POST", "/api/v1/compute", b"\xff\xfe{}", content_type="application/json")
    assert (answer.status, answer.json["detail"]) == (400, "the body is not text in UTF-8")
    assert call("POST", "/api/v1/compute", sent, content_type="application/json; charset=utf-8").status == 200


def test_ten_megabytes_are_refused() -> None:
    body = b'{"instrument_key": "' + b"X" * 10_000_000 + b'"}'
    assert call("POST", "/api/v1/compute", body).status == 413


def test_what_was_injected_did_nothing(scene: Connection) -> None:
    assert scene.execute("SELECT count(*) FROM market.candles WHERE instrument_id = 1").fetchone() == (1911,)


# Every status that the document promises, and what brings it about.
GIVING: Mapping[tuple[str, str], Mapping[int, str]] = {
    ("get", "/health"): {200: "/health", 422: "/health?deep=1"},
    ("get", "/api/v1/health"): {200: "/api/v1/health", 422: "/api/v1/health?deep=1"},
    ("get", "/api/v1/candles/{instrument_key}"): {
        200: f"{CANDLES}?timeframe=5m&limit=5",
        404: f"/api/v1/candles/{NOBODY}?timeframe=5m",
        422: CANDLES,
    },
    ("get", "/api/v1/candles"): {
        200: f"/api/v1/candles?instrument_keys={SHARE},{COIN}&timeframe=5m&limit=5",
        404: f"/api/v1/candles?instrument_keys={SHARE},{NOBODY}&timeframe=5m",
        422: "/api/v1/candles?timeframe=5m",
    },
    ("get", "/api/v1/data/ticks/{instrument_key}"): {
        200: f"/api/v1/data/ticks/{SHARE}?limit=5",
        404: f"/api/v1/data/tocks/{SHARE}",
        422: f"/api/v1/data/ticks/{SHARE}?timeframe=5m",
    },
    **{
        ("get", f"/api/v1/{part}/{{instrument_key}}"): {
            200: f"/api/v1/{part}/{SHARE}?limit=5",
            404: f"/api/v1/{part}/{NOBODY}",
            422: f"/api/v1/{part}/{SHARE}?timeframe=5m",
        }
        for part in ("sentiment", "flows")
    },
    ("get", "/api/v1/instruments"): {200: "/api/v1/instruments", 422: "/api/v1/instruments?limit=0"},
    **{
        ("get", f"/api/v1/instruments/{{instrument_key}}{part}"): {
            200: f"/api/v1/instruments/{SHARE}{part}",
            404: f"/api/v1/instruments/{NOBODY}{part}",
            422: f"/api/v1/instruments/{'X' * 201}{part}",
        }
        for part in ("", "/latest", "/statistics")
    },
    ("get", "/api/v1/price-changes"): {
        200: "/api/v1/price-changes",
        404: f"/api/v1/price-changes?instrument_key={NOBODY}",
        422: "/api/v1/price-changes?sort=size",
    },
    ("get", "/api/v1/indicators"): {200: "/api/v1/indicators", 422: "/api/v1/indicators?name=rsi"},
    ("get", "/api/v1/indicators/latest"): {
        200: "/api/v1/indicators/latest",
        404: f"/api/v1/indicators/latest?instrument_key={NOBODY}",
        422: "/api/v1/indicators/latest?limit=0",
    },
    **{
        ("get", f"/api/v1/signals{part}"): {
            200: f"/api/v1/signals{part}",
            404: f"/api/v1/signals{part}?instrument_key={NOBODY}",
            422: f"/api/v1/signals{part}?limit=0",
        }
        for part in ("", "/active")
    },
    ("get", "/api/v1/signals/latest"): {200: "/api/v1/signals/latest", 422: "/api/v1/signals/latest?limit=0"},
    ("get", "/api/v1/indicators/values"): {
        200: f"/api/v1/indicators/values?instrument_key={SHARE}",
        404: f"/api/v1/indicators/values?instrument_key={NOBODY}",
        422: "/api/v1/indicators/values",
    },
    ("get", "/api/v1/statistics"): {200: "/api/v1/statistics?limit=5", 422: "/api/v1/statistics?limit=0"},
    ("get", "/api/v1/heat-map"): {200: "/api/v1/heat-map", 422: "/api/v1/heat-map?limit=0"},
    ("get", "/api/v1/instruments/{instrument_key}/holes"): {
        200: f"/api/v1/instruments/{SHARE}/holes?from=2013-10-07T00:00:00Z&to=2013-10-08T00:00:00Z",
        404: f"/api/v1/instruments/{NOBODY}/holes?from=2013-10-07T00:00:00Z&to=2013-10-08T00:00:00Z",
        422: f"/api/v1/instruments/{SHARE}/holes",
    },
    ("get", "/api/v1/instruments/{instrument_key}/explain"): {
        200: f"/api/v1/instruments/{SHARE}/explain?at=2013-10-07T14:00:00Z",
        404: f"/api/v1/instruments/{NOBODY}/explain?at=2013-10-07T14:00:00Z",
        422: f"/api/v1/instruments/{SHARE}/explain",
    },
    ("get", "/api/v1/gaps"): {
        200: "/api/v1/gaps",
        404: f"/api/v1/gaps?instrument_key={NOBODY}",
        422: "/api/v1/gaps?limit=0",
    },
    ("get", "/api/v1/changes"): {200: "/api/v1/changes?after=0", 422: "/api/v1/changes?after=-1"},
    ("get", "/api/v1/coverage"): {
        200: f"/api/v1/coverage?instrument_key={COIN}",
        404: f"/api/v1/coverage?instrument_key={NOBODY}",
        422: "/api/v1/coverage?from=x",
    },
    **{
        ("get", f"/api/v1/options/{{instrument_key}}/{part}"): {
            200: f"/api/v1/options/{SHARE}/{part}?{asked_for}",
            404: f"/api/v1/options/{NOBODY}/{part}?{asked_for}",
            422: f"/api/v1/options/{SHARE}/{part}?{asked_for}&{wrong}",
        }
        for part, asked_for, wrong in (
            ("chain", "limit=5", "at=x"),
            ("expiries", "", "at=x"),
            ("expiry-metrics", "limit=5", "from=x"),
            ("strikes", "timeframe=5m&limit=5", "from=x"),
            ("strike-history", "timeframe=5m&expiry=2026-03-20&strike=100", "from=x"),
            ("moneyness-series", "expiry=2026-03-20&rank=0&field=call_iv", "from=x"),
        )
    },
    ("get", "/fo/moneyness-series"): {
        200: f"/fo/moneyness-series?symbol={SHARE}&expiry=2026-03-20&rank=0&field=call_iv",
        404: f"/fo/moneyness-series?symbol={NOBODY}&expiry=2026-03-20&rank=0&field=call_iv",
        422: f"/fo/moneyness-series?symbol={SHARE}",
    },
    ("get", "/api/v1/timeframe-aggregation/status"): {
        200: "/api/v1/timeframe-aggregation/status",
        422: "/api/v1/timeframe-aggregation/status?limit=1",
    },
    ("post", "/api/v1/compute"): {
        200: json.dumps(asked()),
        400: "{",
        404: json.dumps(asked(instrument_key=NOBODY)),
        413: "9" * 100_001,
        422: "{}",
    },
}


def document() -> Any:
    told = json.loads(app.get_openapi_json_schema())
    assert told["openapi"] == "3.1.0"
    return told


OTHERS = {"records", "desk"}


def operations() -> list[tuple[str, str]]:
    # The document has a route of each data set; some routes are those of functions with tests of their own.
    paths = sorted((path.replace("{dataset}", "ticks"), item) for path, item in (app.outline().paths or {}).items())
    told = [(method, path, getattr(item, method)) for path, item in paths for method in ("get", "post")]
    return [(method, path) for method, path, operation in told if operation and OTHERS.isdisjoint(operation.tags)]


@contextmanager
def broken_service() -> Iterator[None]:
    """Set up wrongly."""
    with settings(UNREACHABLE, API_MOST_ROWS="many"):
        yield


@pytest.fixture
def one_strike(scene: Connection) -> Iterator[None]:
    list_contracts(scene, 1, [{"expiry": "2026-03-20", "strike": "100", "right": "call"}])
    yield
    scene.execute(
        "DELETE FROM market.instruments WHERE instrument_id IN (SELECT instrument_id FROM market.option_contracts"
        " UNION ALL SELECT instrument_id FROM market.option_expiries)"
    )


@pytest.mark.usefixtures("one_strike")
@pytest.mark.parametrize(("method", "path"), operations(), ids=["-".join(each) for each in operations()])
def test_every_status_the_document_promises(method: str, path: str) -> None:
    told = document()
    promised = {int(status): said for status, said in told["paths"][path][method]["responses"].items()}
    giving = dict(GIVING[method, path])

    def ask(what: str, content_type: str = "application/json", if_none_match: str = "", accept: str = "") -> Answer:
        if method == "post":
            return call("POST", path, what.encode(), content_type=content_type, accept=accept)
        return call("GET", what, if_none_match=if_none_match, accept=accept)

    answers = {status: ask(what) for status, what in giving.items()}
    if 304 in promised:
        answers[304] = ask(giving[200], if_none_match="*")
    if 406 in promised:
        answers[406] = ask(giving[200], accept="application/xml")
    if 415 in promised:
        answers[415] = ask(giving[200], content_type="application/xml")
    if 503 in promised:
        with settings(UNREACHABLE):
            answers[503] = ask(giving[200])
            assert path.endswith("/health") or answers[503].headers["Retry-After"] == "5"
    with broken_service():
        answers[500] = ask(giving[200])
    # Nothing is promised that never happens, and nothing happens that is not promised.
    assert answers.keys() == promised.keys()
    for status, answer in answers.items():
        assert answer.status == status, answer.text
        if status == 304:
            assert answer.text == ""
            continue
        content = promised[status]["content"][answer.headers["Content-Type"].partition(";")[0]]
        schema = {**content["schema"], "components": told["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(answer.json)


@contextmanager
def hanging() -> Iterator[str]:
    """A database that takes a connection and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield f"postgresql://desk:s3cret-word@127.0.0.1:{listening.getsockname()[1]}/desk"


@pytest.mark.parametrize("warm_up", ["", f"{SHARE}:5m"], ids=["cold", "with-warm-up"])
def test_health_answers_in_time_when_the_database_hangs(warm_up: str) -> None:
    # Longer than anybody waits: it answers while the connection is still awaited.
    awaited = str(int(LAST_RESORT_SECONDS))
    with hanging() as url, settings(url, CACHE_WARM_UP=warm_up, DATABASE_CONNECT_TIMEOUT_SECONDS=awaited):
        for _ in range(2):
            answer = get("/api/v1/health")
            assert (answer.status, answer.json["status"]) == (503, "not ready")
            assert answer.json["problem"].startswith("the database ")
    # Other requests wait for the connection as long as they may, and say so.
    with hanging() as url, settings(url, CACHE_WARM_UP=warm_up, DATABASE_CONNECT_TIMEOUT_SECONDS="2"):
        assert candles(SHARE, "1m").status == 503
    # And is asked again once it lets go.
    wait_until(lambda: get("/health").status == 200, "ready again")


def test_health_says_what_is_wrong(migrated_url: str, server_url: str) -> None:
    with settings(UNREACHABLE):
        assert (get("/health").status, get("/health").json["status"]) == (503, "not ready")
    bare = f"bare_{migrated_url.rpartition('/')[2]}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {bare}")
        try:
            with settings(f"{migrated_url.rpartition('/')[0]}/{bare}"):
                answer = get("/health")
                assert (answer.status, answer.json["status"]) == (503, "not ready")
                assert candles(SHARE, "1m").status == 503
        finally:
            server.execute(f"DROP DATABASE {bare} WITH (FORCE)")
    with settings(migrated_url):
        assert get("/health").status == 200


def test_on_a_schema_of_another_revision_every_route_answers_503(scene: Connection, migrated_url: str) -> None:
    with settings(migrated_url):
        assert candles(SHARE, "1m").status == 200
    comment = f"COMMENT ON TABLE market.schema_revision IS '{SERVES_CODE_FROM}%s'"
    serves = schema.describe(scene).serves_code_from
    scene.execute("UPDATE market.schema_revision SET version_num = '9999'")
    scene.execute(comment % "9999")
    try:
        with settings(migrated_url):
            answer = candles(SHARE, "1m")
            assert (answer.status, answer.json["detail"]) == (
                503,
                "the service and its database are of different revisions: one is being deployed",
            )
            assert "newer than this code" in get("/api/v1/health").json["problem"]
    finally:
        scene.execute("UPDATE market.schema_revision SET version_num = %s", [REVISION])
        scene.execute(comment % serves)


def test_health_says_that_its_login_is_refused(migrated_url: str, server_url: str) -> None:
    wrong = f"postgresql://postgres:wrong@{migrated_url.rpartition('@')[2]}"
    skip_where_trusted(wrong)
    with settings(wrong):
        assert get("/health").status == 503


def test_a_statement_that_takes_too_long_is_ended(scene: Connection, server_url: str, migrated_url: str) -> None:
    with (
        settings(migrated_url, API_STATEMENT_TIMEOUT_SECONDS="0.5"),
        psycopg.connect(migrated_url) as other,
    ):
        other.execute("LOCK TABLE market.candles, market.instruments IN ACCESS EXCLUSIVE MODE")
        # While the lock is still held.
        answer = candles(SHARE, "1m")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        get("/health")
        other.rollback()
        assert candles(SHARE, "1m").status == 200


def test_a_lost_connection_is_opened_again(scene: Connection, server_url: str) -> None:
    assert candles(SHARE, "1m", limit=1).status == 200
    scene.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'chandlery-http_api' AND datname = current_database()"
    )
    assert candles(SHARE, "5m", limit=1).status == 200


def test_an_internal_error_reveals_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("SELECT secret FROM market.candles at /var/x.py")

    monkeypatch.setattr(import_module("functions.http_api.candles"), "write_candles", fail)
    answer = candles(SHARE, "15m")
    assert answer.status == 500
    assert_told_well(answer, "")
    # The service continues.
    monkeypatch.undo()
    assert candles(SHARE, "15m").status == 200
