"""The newest stored value of each indicator: by the use case, the route and the command, page by page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from chandlery.indicators.list_latest_indicators import list_latest_indicators
from chandlery.indicators.store import indicators
from chandlery.indicators.store.latest_indicators import LatestIndicator
from chandlery.platform.errors import NotFound, Refused
from chandlery.words.timeframe import Timeframe
from tests.integration.api_scene import get, settings
from tests.integration.market import around_the_clock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEYS = ("X@B@EQ", "X@NONE@EQ", "X@A@EQ", "X@OLD@EQ")
INSERT = (
    "INSERT INTO market.indicator_values SELECT i, n, t, n * 1000 + extract(hour FROM t), nullif(n, 1), null, t, 'x', t"
    " FROM unnest(%s::integer[]) AS i CROSS JOIN unnest(%s::integer[]) AS n"
    " CROSS JOIN generate_series(%s::timestamptz, %s, INTERVAL '1 hour') AS t"
)


@pytest.fixture
def stored(connection: Connection) -> list[int]:
    """Hours of three indicators of two instruments, and of one whose newest lies in another chunk, in columns."""
    ids = around_the_clock(connection, *KEYS)
    named: Any = [("rsi", {"timeperiod": 14}), ("macd", {"fastperiod": 12})]
    numbers = [
        *indicators.number(connection, Timeframe.H1, named),
        *indicators.number(connection, Timeframe.H4, named[:1]),
    ]
    long_ago = NOON - timedelta(days=60)
    connection.execute(INSERT, [[ids[3]], numbers, long_ago, long_ago + timedelta(hours=2)])
    connection.execute("SELECT compress_chunk(chunk) FROM show_chunks('market.indicator_values') AS chunk")
    connection.execute(INSERT, [[ids[0], ids[2]], numbers, NOON - timedelta(hours=3), NOON])
    return numbers


def said(found: Any) -> list[tuple[str, str, str, datetime, float]]:
    return [(each.instrument_key, each.timeframe, each.name, each.time, each.value) for each in found]


def test_the_newest_of_each_comes_once(connection: Connection, stored: list[int]) -> None:
    pages: list[LatestIndicator] = []
    cursor = None
    while True:
        page = list_latest_indicators(connection, limit=2, cursor=cursor)
        pages += page.indicators
        if (cursor := page.next_cursor) is None:
            break
    rsi, macd, rsi_4h = stored
    newest = {"X@B@EQ": NOON, "X@A@EQ": NOON, "X@OLD@EQ": NOON - timedelta(days=60) + timedelta(hours=2)}
    assert said(pages) == [
        (key, timeframe, name, time, number * 1000 + time.hour)
        for key, time in newest.items()
        for number, timeframe, name in sorted([(rsi, "1h", "rsi"), (macd, "1h", "macd"), (rsi_4h, "4h", "rsi")])
    ]
    assert {(each.name, *each.parameters.items()) for each in pages} == {
        ("rsi", ("timeperiod", 14)), ("macd", ("fastperiod", 12)),
    }  # fmt: skip
    assert {each.value_2 for each in pages} == {None, 2, 3}


@pytest.mark.usefixtures("stored")
def test_what_is_asked_for_alone_is_answered(connection: Connection) -> None:
    rsi = list_latest_indicators(connection, timeframe=Timeframe.H1, name="RSI").indicators
    assert [(each.instrument_key, each.timeframe, each.name) for each in rsi] == [
        (key, "1h", "rsi") for key in ("X@B@EQ", "X@A@EQ", "X@OLD@EQ")
    ]
    assert len(list_latest_indicators(connection, key="X@A@EQ").indicators) == 3
    for empty in ({"key": "X@NONE@EQ"}, {"name": "sma"}, {"timeframe": Timeframe.D1}):
        assert not list_latest_indicators(connection, **empty).indicators
    with pytest.raises(NotFound):
        list_latest_indicators(connection, key="X@UNKNOWN@EQ")
    cursor = list_latest_indicators(connection, limit=1).next_cursor
    with pytest.raises(Refused, match="a question with another name"):
        list_latest_indicators(connection, name="rsi", cursor=cursor)


@pytest.mark.usefixtures("stored")
def test_the_route_answers_it(connection: Connection, database_url: str) -> None:
    with settings(database_url):
        page: Any = get("/api/v1/indicators/latest", timeframe="1h", name="macd", limit="1").json
        rest: Any = get(
            "/api/v1/indicators/latest", timeframe="1hour", name="macd", limit="2", cursor=page["next_cursor"]
        ).json
        catalogue: Any = get("/api/v1/indicators").json
        assert get("/api/v1/indicators/latest", instrument_key="X@UNKNOWN@EQ").status == 404
        for wrong in ({"cursor": "x"}, {"limit": "0"}, {"timeframe": "7m"}, {"colour": "red"}):
            assert get("/api/v1/indicators/latest", **wrong).status == 422, wrong
    (first,) = page["indicators"]
    assert (first["instrument_key"], first["time"], first["value_3"]) == ("X@B@EQ", "2026-03-02T12:00:00Z", None)
    assert [each["instrument_key"] for each in rest["indicators"]] == ["X@A@EQ", "X@OLD@EQ"]
    assert rest["next_cursor"] is None
    assert "macd" in str(catalogue)
