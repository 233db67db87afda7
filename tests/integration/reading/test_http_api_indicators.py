"""Indicators through the API on real minutes: as TA-Lib called directly, and whatever `from` says."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import talib
from numpy.typing import NDArray
from psycopg import Connection, sql
from talib import abstract

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.import_candles import import_candles
from chandlery.indicators.numerics.candle_arrays import SessionCandles
from chandlery.indicators.numerics.catalogue import catalogue
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.words.timeframe import Timeframe
from local.lots import checked_candle_lots
from tests import plain_indicators as plain
from tests.conftest import empty
from tests.integration.api_scene import SHARE, Answer, call, candles, compute, settings, settle
from tests.integration.derived_scene import listed
from tests.plain_indicators import assert_same
from tests.plain_indicators import listed as rows_of

INDEX = "XBOM@NIFTY50@INDEX"
CLASHING = {"vwap", "supertrend", "donchian"}
THEIRS = {f"talib_{name.lower()}" if name.lower() in CLASHING else name.lower(): name for name in talib.get_functions()}
OURS = sorted(set(catalogue()) - set(THEIRS))
WHOLE = {"from_": "2013-10-01T00:00Z", "to": "2019-02-01T00:00Z"}
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """Two instruments' real minutes."""

    connection: Connection
    columns: Mapping[tuple[str, str], Mapping[str, Floats]]


@pytest.fixture(scope="module")
def scene(migrated_url: str, real_data: Path) -> Iterator[Scene]:
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        (share,) = listed(connection, "XNYS", date(2013, 10, 1), date(2013, 10, 31), SHARE)
        (index,) = listed(connection, "XBOM", date(2018, 12, 25), date(2019, 1, 31), INDEX)
        for instrument, file in ((share, "us-candles-1m/IBM.csv.gz"), (index, "in-candles-1m/NIFTY50.csv.gz")):
            with checked_candle_lots(real_data / file, latest=datetime(2020, 1, 1, tzinfo=UTC)) as lots:
                import_candles(connection, instrument, lots)
        settle(connection, datetime(2026, 1, 1, tzinfo=UTC))
        columns = {
            (key, timeframe): columns_of(connection, instrument, timeframe)
            for key, instrument in ((SHARE, share), (INDEX, index))
            for timeframe in ("1m", "5m", "1h")
        }
        yield Scene(connection, columns)


@pytest.fixture(autouse=True)
def service(scene: Scene, migrated_url: str) -> Iterator[None]:
    with settings(migrated_url):
        yield


def columns_of(connection: Connection, instrument: int, timeframe: str) -> Mapping[str, Floats]:
    query = sql.SQL(
        "SELECT open::float8, high::float8, low::float8, close::float8, volume::float8 FROM market.{}"
        " WHERE instrument_id = %s ORDER BY time"
    ).format(sql.Identifier(CANDLES.relation(Timeframe(timeframe))))
    rows = np.array(connection.execute(query, [instrument]).fetchall(), dtype=np.float64)
    named = dict(zip(("open", "high", "low", "close", "volume"), map(np.ascontiguousarray, rows.T), strict=True))
    return named | {"periods": np.full(len(rows), 30.0)}


def numbers(answer: Answer, place: int = 0) -> Mapping[str, Floats]:
    """Each output of an indicator, NaN where there is no value."""
    assert answer.status == 200, answer.text
    outputs = answer.json["indicators"][place]["outputs"]
    return {name: np.array(values, dtype=np.float64) for name, values in outputs.items()}


def asked(name: str) -> dict[str, Any]:
    parameters = {"anchor_datetime": "2013-10-08T10:00:00"} if name == "anchored_vwap" else {}
    return {"name": name, "parameters": parameters}


@pytest.mark.parametrize("timeframe", ["5m", "1h"])
@pytest.mark.parametrize("key", [SHARE, INDEX], ids=["share", "index"])
def test_every_function_of_ta_lib_answers_what_it_computes_directly(scene: Scene, key: str, timeframe: str) -> None:
    columns = scene.columns[key, timeframe]
    names = sorted(THEIRS)
    for first in range(0, len(names), 10):
        some = names[first : first + 10]
        answer = compute(key, timeframe, limit=3000, indicators=[asked(name) for name in some])
        for place, name in enumerate(some):
            expected = abstract.Function(THEIRS[name])(columns)
            expected = expected if isinstance(expected, list) else [expected]
            found = numbers(answer, place)
            assert list(found) == list(catalogue()[name].outputs)
            for (output, values), direct in zip(found.items(), expected, strict=True):
                told = np.where(np.isfinite(direct), direct, np.nan)
                if told.dtype == values.dtype and np.array_equal(values, told, equal_nan=True):
                    continue
                # What TA-Lib says about the time before it knows, of patterns and places: 0, which is not a value.
                unknown = np.isnan(values) & ~np.isnan(told)
                settled = int(np.flatnonzero(unknown)[-1]) + 1 if unknown.any() else 0
                assert not np.isfinite(values[:settled]).any(), (name, output)
                assert np.array_equal(values[settled:], told[settled:], equal_nan=True), (name, output)
                assert not told[:settled].any(), (name, output)


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("name", sorted(catalogue()))
def test_no_value_depends_on_from(scene: Scene, name: str) -> None:
    """Of the last stretch, asked for alone, what is answered is what is answered of it with all before."""
    whole = compute(SHARE, "1m", from_="2013-10-10T13:30Z", to="2013-10-11T21:00Z", indicators=[asked(name)])
    late = compute(SHARE, "1m", from_="2013-10-11T14:00Z", to="2013-10-11T21:00Z", indicators=[asked(name)])
    count = len(late.json["time"])
    assert whole.json["time"][-count:] == late.json["time"]
    begins = [each.json["indicators"][0]["begins"] for each in (whole, late)]
    if begins[0] is not None:
        # It begins with the first candle there is, or with the first one read, and says so.
        assert begins[1] is not None
        if begins[0] != begins[1]:
            return
    tail = numbers(late)
    for output, values in numbers(whole).items():
        np.testing.assert_allclose(
            tail[output], values[-count:], rtol=1e-8, atol=1e-10 * max(1.0, np.nanmax(np.abs(values), initial=0.0))
        )


def test_our_own_agree_with_plain_arithmetic(scene: Scene) -> None:
    """By their definitions, in fractions; the day is the session, and these minutes have no turnover."""
    told = candles(INDEX, "15m", limit=10_000).json["candles"]
    columns = {name: np.array([each[name] for each in told], dtype=np.float64) for name in ("open", "high", "low", "close", "volume")}  # fmt: skip  # noqa: E501
    times = np.array([int(datetime.fromisoformat(each["time"]).timestamp()) for each in told])
    turnover = np.full(len(times), np.nan)
    rows = rows_of(SessionCandles(times, **columns, turnover=turnover, session=times // 86_400))
    anchor = "2019-01-03T04:00:00Z"
    anchored = {"name": "anchored_vwap", "parameters": {"anchor_datetime": anchor}}
    expected = {
        "vwap": plain.vwap(rows),
        "supertrend": plain.supertrend(rows, 10, Decimal(3)),
        "ichimoku": plain.ichimoku(rows, 9, 26, 52, 26),
        "donchian": plain.donchian(rows, 20),
        "keltner": plain.keltner(rows, 20, 10, Decimal(2)),
        "heikin_ashi": plain.heikin_ashi(rows),
        "anchored_vwap": plain.anchored_vwap(rows, int(datetime.fromisoformat(anchor).timestamp())),
    }
    assert {*expected, "pivot_points"} == set(OURS)
    indicators = [anchored if name == "anchored_vwap" else {"name": name} for name in expected]
    indicators += [{"name": "pivot_points", "parameters": {"kind": kind}} for kind in plain.KINDS]
    answer = compute(INDEX, "15m", limit=3000, indicators=indicators)
    assert len(rows) == len(answer.json["time"]) > 100
    for place, wanted in enumerate([*expected.values(), *(plain.pivot_points(rows, kind) for kind in plain.KINDS)]):
        assert_same(numbers(answer, place), wanted)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("2013-10-08T10:00:00", "2013-10-08T14:00:00Z"),
        ("2013-10-08T10:00:00Z", "2013-10-08T10:00:00Z"),
        ("2013-10-08T10:00:00+05:30", "2013-10-08T04:30:00Z"),
        ("2013-10-08", "2013-10-08T04:00:00Z"),
    ],
)
def test_a_naive_anchor_is_the_exchanges_time(scene: Scene, given: str, taken: str) -> None:
    anchored = {"name": "anchored_vwap", "parameters": {"anchor_datetime": given}}
    answer = compute(SHARE, "1m", from_="2013-10-08T15:00Z", to="2013-10-08T15:01Z", indicators=[anchored])
    told = answer.json["indicators"][0]
    assert told["parameters"]["anchor_datetime"] == taken
    rows = scene.connection.execute(
        "SELECT (high + low + close) / 3, volume, turnover FROM market.candles WHERE instrument_id = 1"
        " AND time >= %s AND time <= '2013-10-08T15:00Z' ORDER BY time",
        [taken],
    ).fetchall()
    # These minutes have no turnover: each counts at its typical price.
    assert {row[2] for row in rows} == {None}
    expected = sum(price * volume for price, volume, _ in rows) / sum(volume for _, volume, _ in rows)
    assert next(iter(told["outputs"].values())) == [pytest.approx(float(expected))]


def test_the_zone_is_the_instruments(scene: Scene) -> None:
    anchored = {"name": "anchored_vwap", "parameters": {"anchor_datetime": "2019-01-03T09:15:00"}}
    answer = compute(INDEX, "5m", limit=5, indicators=[anchored])
    assert answer.json["indicators"][0]["parameters"]["anchor_datetime"] == "2019-01-03T03:45:00Z"


def test_what_is_answered_is_said_in_full(scene: Scene) -> None:
    told = compute(SHARE, "5m", limit=3, indicators=[{"name": "RSI"}, asked("macd"), asked("obv")]).json
    assert [each["name"] for each in told["indicators"]] == ["rsi", "macd", "obv"]
    assert told["indicators"][0]["parameters"] == {"timeperiod": 14, "real": "close"}
    assert list(told["indicators"][1]["outputs"]) == ["macd", "macdsignal", "macdhist"]
    assert told["indicators"][2]["begins"] is not None
    assert told["last"] == {"time": told["time"][-1], "closed": True, "partial": False}
    assert json.dumps(told).count("NaN") == 0


@pytest.mark.parametrize("name", ["sma", "ema", "vwap", "pivot_points", "anchored_vwap"])
@pytest.mark.parametrize(
    ("timeframe", "starts", "ends"),
    [
        ("1m", "2013-10-10T13:30Z", "2013-10-11T21:00Z"),
        ("4h", "2013-10-09T00:00Z", "2013-10-12T00:00Z"),
        ("1d", "2013-10-09T00:00Z", "2013-10-12T00:00Z"),
    ],
)
def test_the_newest_of_a_stretch_are_what_they_are_in_all_of_it(
    scene: Scene, timeframe: str, starts: str, ends: str, name: str
) -> None:
    of: dict[str, Any] = {
        "to": ends,
        "indicators": [asked(name) if name != "sma" else {"name": "sma", "parameters": {"timeperiod": 3}}],
    }
    whole = compute(SHARE, timeframe, from_="2013-10-01T00:00Z", **of)
    assert len(whole.json["time"]) >= 5
    for stretch in ({"from_": starts, "limit": 2}, {"limit": 2}, {"from_": starts}):
        some = compute(SHARE, timeframe, **stretch, **of)
        count = len(some.json["time"])
        assert some.json["time"] == whole.json["time"][-count:]
        for output, values in numbers(whole).items():
            np.testing.assert_allclose(numbers(some)[output], values[-count:], rtol=1e-8)


def test_an_anchor_adds_no_candle_to_an_empty_stretch(scene: Scene) -> None:
    named = [{"name": "ema", "parameters": {"timeperiod": 20}}, asked("anchored_vwap")]
    assert compute(SHARE, "1m", from_="2013-10-12T00:00Z", to="2013-10-13T00:00Z", indicators=named).json["time"] == []


ANCHORED: Mapping[str, Any] = {
    "instrument_key": SHARE,
    "indicators": [{"name": "anchored_vwap", "parameters": {"anchor_datetime": "2013-10-01T09:30:00"}}],
}


def test_a_body_that_says_the_least_is_answered(scene: Scene) -> None:
    answer = call("POST", "/api/v1/compute", json.dumps(ANCHORED).encode())
    assert answer.status == 200, answer.text
    told = answer.json
    assert (told["timeframe"], len(told["time"])) == ("5m", 500)
    # The exchange's time.
    assert told["indicators"][0]["parameters"]["anchor_datetime"] == "2013-10-01T13:30:00Z"
    # Every candle since the anchor is read, though the newest alone are answered.
    newest = call("POST", "/api/v1/compute", json.dumps({**ANCHORED, "limit": 50}).encode()).json
    assert newest["used"]["rows_read"] == told["used"]["rows_read"] > 500
    assert newest["indicators"][0]["outputs"]["vwap"] == told["indicators"][0]["outputs"]["vwap"][-50:]


def test_an_anchor_too_long_ago_is_refused_with_the_limit_it_takes(scene: Scene, migrated_url: str) -> None:
    with settings(migrated_url, API_MOST_ROWS="200"):
        refused = call("POST", "/api/v1/compute", json.dumps({**ANCHORED, "limit": 50}).encode())
    assert (refused.status, refused.fields) == (422, ["indicators"])
    most = (datetime.now(UTC) - datetime(2013, 10, 1, 13, 30, tzinfo=UTC)) // timedelta(minutes=5)
    found = re.search(r"API_MOST_ROWS must be ([\d,]+)", refused.json["detail"])
    assert found is not None
    assert 0 <= int(found[1].replace(",", "")) - most <= 3
