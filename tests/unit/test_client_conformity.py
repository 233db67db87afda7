"""The Python client against the project's own documents: each call and field of it, each route and row."""

import json
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, Union, get_args, get_origin, get_type_hints

import httpx2
import pytest

import chandlery_client.rows.candles as candle_rows
from chandlery_client import (
    BadArgument,
    Candle,
    ChainStrike,
    ChangedData,
    Client,
    ClientError,
    Computed,
    Day,
    Expiry,
    FlowLeg,
    FlowsBucket,
    Gap,
    Health,
    Indicator,
    IndicatorSeries,
    Instrument,
    InstrumentCandle,
    Latest,
    LatestValue,
    OpenInterest,
    OptionQuote,
    Point,
    PriceChange,
    SentimentBucket,
    SentimentItem,
    Signal,
    Statistics,
    Status,
    StoredValue,
    StrikeCandle,
    Tick,
)
from chandlery_client.rows import status as status_rows
from chandlery_client.rows.instruments import Change
from functions.http_api.application import app
from tests.conftest import REPO

KEY, FROM, TO = "X@A@EQ", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
STRETCH: Mapping[str, Any] = {"from_": FROM, "to": TO}
SIZES: Mapping[str, Any] = {"limit": 5, "page_size": 5}
EXPIRY = date(2026, 3, 20)
Call = Callable[[Client], Any]
# Every method, with every argument that it has.
CALLS: dict[str, Call] = {
    "candles": lambda c: c.candles(
        KEY, "5m", **STRETCH, **SIZES, session="regular", align="session", fill="flat", include_partial=False
    ),
    "candles_of": lambda c: c.candles_of([KEY, "X@B@EQ"], "5m", **STRETCH, **SIZES, include_partial=False),
    "compute": lambda c: c.compute(KEY, ["rsi"], **STRETCH, limit=5, session="regular", align="session"),
    "indicators": lambda c: c.indicators(),
    "indicator_values": lambda c: c.indicator_values(KEY, names=["sma", "macd"], **STRETCH, **SIZES),
    "latest_indicators": lambda c: c.latest_indicators(KEY, timeframe="5m", name="rsi", **SIZES),
    "changes": lambda c: c.changes(7, dataset="candles", keys=[KEY]),
    "watch": lambda c: c.watch(KEY),
    "chain": lambda c: c.chain(KEY, expiry=EXPIRY, at=FROM, near=3, **SIZES),
    "strikes": lambda c: c.strikes(KEY, "5m", **STRETCH, expiry=EXPIRY, near=3, **SIZES),
    "strike_history": lambda c: c.strike_history(
        KEY, "5m", expiry=EXPIRY, strike=Decimal("100.0"), contract="AMX", **STRETCH, **SIZES
    ),
    "moneyness_series": lambda c: c.moneyness_series(
        KEY, "call_iv", expiry=EXPIRY, rank=0, contract="AMX", **STRETCH, **SIZES
    ),
    "expiries": lambda c: c.expiries(KEY, at=FROM),
    "expiry_metrics": lambda c: c.expiry_metrics(KEY, expiry=EXPIRY, **STRETCH),
    "signals": lambda c: c.signals(KEY, strategy="s", timeframe="5m", **STRETCH, **SIZES),
    "active_signals": lambda c: c.active_signals(KEY, strategy="s", timeframe="5m", **SIZES),
    "latest_signals": lambda c: c.latest_signals(strategy="s", timeframe="5m", **SIZES),
    "sentiment": lambda c: c.sentiment(KEY, **STRETCH, source="wire", by_source=True, **SIZES),
    "flows": lambda c: c.flows(KEY, **STRETCH, venue="v", by_venue=True, **SIZES),
    "rows": lambda c: c.rows("flows", KEY, "1h", **STRETCH, venue="v", **SIZES),
    "gaps": lambda c: c.gaps(KEY, feed="f", reason=["feed_down"], **STRETCH, healed=True, dataset="candles", **SIZES),
    "coverage": lambda c: c.coverage([KEY], feed="f", from_=EXPIRY, to=EXPIRY, dataset="candles", page_size=5),
    "status": lambda c: c.status(),
    "health": lambda c: c.health(),
    "instruments": lambda c: c.instruments(feed="f", calendar="XNYS", prefix="X", **SIZES),
    "instrument": lambda c: c.instrument(KEY),
    "latest": lambda c: c.latest(KEY),
    "statistics": lambda c: c.statistics(KEY),
    "statistics_of_all": lambda c: c.statistics_of_all(feed="f", calendar="XNYS", prefix="X", **SIZES),
    "price_changes": lambda c: c.price_changes([KEY], feed="f", sort="key", order="ascending", **SIZES),
}
NO_CALLS = {"close", "writer"}
# What the client has no method for, and why.
LEFT_OUT = {
    "/health": "what strangers may know; `health` asks for the whole",
    "/fo/moneyness-series": "an older name",
    "/api/v1/heat-map": "what the page draws; `coverage` has the numbers",
    "/api/v1/instruments/{instrument_key}/holes": "what the page draws; `gaps` has the stretches",
    "/api/v1/instruments/{instrument_key}/explain": "sentences for people, on the page and the command line",
}
# The desk's own: a user who is logged in manages watchlists and alerts.
LEFT_OUT_ROOMS = ("/api/v1/watchlists", "/api/v1/alerts", "/api/v1/users", "/api/v1/me")
SENT = (Tick, OptionQuote, OpenInterest, SentimentItem, FlowLeg)


@pytest.fixture(scope="module")
def document() -> Any:
    import functions.http_api  # noqa: F401  # its routes

    return json.loads(app.get_openapi_json_schema())


def asked_by(call: Call) -> httpx2.Request:
    """The first request of a call."""
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(404, json={})

    # A call asks at once, or once its rows are asked for.
    with (
        Client("http://test", transport=httpx2.MockTransport(answer)) as client,
        pytest.raises(ClientError),
    ):
        next(iter(call(client)))
    return asked[0]


def operation_of(document: Any, request: httpx2.Request) -> tuple[str, Any]:
    for path, item in document["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
        if re.fullmatch(pattern, request.url.raw_path.decode().partition("?")[0]) and request.method.lower() in item:
            return path, item[request.method.lower()]
    raise AssertionError(f"no route for {request.method} {request.url}")


def test_every_method_is_called_here() -> None:
    assert CALLS.keys() == {name for name in dir(Client) if not name.startswith("_")} - NO_CALLS


@pytest.mark.parametrize("name", CALLS)
def test_each_call_is_one_of_the_document(document: Any, name: str) -> None:
    request = asked_by(CALLS[name])
    path, operation = operation_of(document, request)
    known = {each["name"]: each for each in operation.get("parameters", ()) if each["in"] == "query"}
    given = dict(request.url.params)
    assert set(given) <= set(known), path
    assert {each for each, said in known.items() if said.get("required")} <= set(given)
    # Every parameter of a GET can be given, except the cursor, which pages give.
    assert set(known) - set(given) <= {"cursor", "limit"}, path
    if "numbers" in known:
        assert given["numbers"] == "text"
    for parameter, value in given.items():
        allowed = known[parameter]["schema"].get("enum")
        assert allowed is None or value in allowed


def test_a_compute_has_the_members_of_the_document(document: Any) -> None:
    body = json.loads(asked_by(CALLS["compute"]).content)
    schema = document["components"]["schemas"]["ComputeRequest"]
    assert set(body) == set(schema["properties"])
    assert body["numbers"] == "text"


def test_every_route_has_a_method(document: Any) -> None:
    reached = {operation_of(document, asked_by(call))[0] for call in CALLS.values()}
    reached |= {f"/api/v1/{row.data_set.replace('_', '-')}" for row in SENT}
    missing = {
        path
        for path in set(document["paths"]) - reached - LEFT_OUT.keys()
        # `rows` reads all of these.
        if not path.startswith(("/api/v1/data/", *LEFT_OUT_ROOMS))
    }
    assert missing == set()


ROWS: list[tuple[str, type]] = [
    ("Candle", Candle),
    ("InstrumentCandle", InstrumentCandle),
    ("Computed", Computed),
    ("IndicatorSeries", IndicatorSeries),
    ("LastCandle", candle_rows.LastCandle),
    ("StoredValue", StoredValue),
    ("LatestIndicatorAnswer", LatestValue),
    ("IndicatorAnswer", Indicator),
    ("ParameterAnswer", candle_rows.Parameter),
    ("InstrumentAnswer", Instrument),
    ("LatestAnswer", Latest),
    ("StatisticsAnswer", Statistics),
    ("PriceChangeAnswer", PriceChange),
    ("ChangeAnswer", Change),
    ("StrikeCandle", StrikeCandle),
    ("ChainStrike", ChainStrike),
    ("PointAnswer", Point),
    ("ExpiryAnswer", Expiry),
    ("SentimentBucket", SentimentBucket),
    ("FlowsBucket", FlowsBucket),
    ("GapAnswer", Gap),
    ("DayAnswer", Day),
    ("HealthAnswer", Health),
    ("StatusAnswer", Status),
    ("CauseAnswer", status_rows.Cause),
    ("ComponentAnswer", status_rows.Component),
    ("AggregateAnswer", status_rows.Aggregate),
    ("FeedLatencyAnswer", status_rows.FeedLatency),
    ("SignalAnswer", Signal),
    ("ChangeAnswer", ChangedData),
]


# When a change was published says nothing about the data.
UNREAD = {"ChangedData": {"published_at"}}


def schema_of(document: Any, model: str, row: type) -> Any:
    """A model's schema; of models of one name, which the document names by their modules too, the most alike."""
    ours = {field.name for field in fields(row)}
    schemas = document["components"]["schemas"].items()
    named = [schema for name, schema in schemas if name == model or name.endswith(f"__{model}")]
    return max(named, key=lambda schema: len(ours & set(schema["properties"])))


@pytest.mark.parametrize(("model", "row"), ROWS, ids=[row.__name__ for _, row in ROWS])
def test_each_field_is_one_of_the_document(document: Any, model: str, row: type) -> None:
    schema, hints = schema_of(document, model, row), get_type_hints(row)
    ours = {field.name for field in fields(row)}
    assert ours == set(schema["properties"]) - UNREAD.get(row.__name__, set())
    for name in ours:
        said = schema["properties"][name]
        kinds = {each.get("type", "object") for each in said.get("anyOf", [said])}
        assert ("null" in kinds) <= (type(None) in kinds_of(hints[name])), name
        assert all(fits(kind, said) for kind in kinds_of(hints[name]) - {type(None)}), (name, hints[name], said)


def kinds_of(hint: Any) -> set[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        return {kind for each in get_args(hint) for kind in kinds_of(each)}
    return {get_origin(hint) or hint}


def fits(kind: Any, said: Any) -> bool:
    """Whether a value of a type is what the document says."""
    documented = {(each.get("type", "object"), each.get("format")) for each in said.get("anyOf", [said])}
    types = {each for each, _ in documented}
    if kind is Decimal:
        return ("string", "decimal") in documented or "number" in types or ("string", None) in documented
    if kind in (datetime, date):
        return ("string", "date-time" if kind is datetime else "date") in documented
    expected = {float: "number", int: "integer", bool: "boolean", str: "string", list: "array"}.get(kind)
    if expected is None and isinstance(kind, type) and issubclass(kind, Enum):
        expected = "string"
    return (expected or "object") in types or (kind is int and "number" in types)


@pytest.mark.parametrize("row", SENT)
def test_rows_to_send_are_those_of_the_schemas(row: Any) -> None:
    path = REPO / "docs" / "schemas" / f"{row.data_set}.v1.schema.json"
    schema = json.loads(path.read_text())["$defs"]["row"]
    assert set(row.model_fields) == set(schema["properties"])
    required = {name for name, field in row.model_fields.items() if field.is_required()}
    assert required == set(schema["required"])


def test_a_key_that_is_none_is_refused() -> None:
    for call in (partial(Client.candles, timeframe="1m"), Client.latest):
        with Client("http://test") as client, pytest.raises(BadArgument):
            call(client, "")
