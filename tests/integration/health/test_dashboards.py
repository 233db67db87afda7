"""Dashboards of Grafana: every statement runs as the role of a dashboard, and answers in the form its panel draws."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.words.window import HOUR
from tests.conftest import REPO
from tests.integration.market import MINUTE, NOON, around_the_clock, insert, put_candles
from tests.integration.options import option_desk
from tests.integration.options.option_desk import OPENS, UNDERLYING, list_contracts, open_underlying, quote
from tests.plain_fold import Tick

FILES = sorted((REPO / "docs" / "grafana").glob("*.json"))
KEY = "X@A'B@EQ"
DAY = ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
VALUES = {"instrument": KEY, "relation": "candles", "underlying": UNDERLYING, "expiry": "2026-03-20"}
# What a healthy desk has none of.
EMPTY = {"Failures", "Failed runs an hour", "Silences of whole feeds"}
# As PostgreSQL numbers them.
TIME, NUMBERS, TEXT = 1184, {20, 21, 23, 700, 701, 1700}, 25


def dashboard(path: Path) -> Any:
    return json.loads(path.read_text())


def statements(path: Path) -> Iterator[tuple[str, str, str]]:
    """Each statement of a dashboard: what it is for, its form, and its SQL."""
    board = dashboard(path)
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["format"], target["rawSql"]
    for each in board["annotations"]["list"]:
        yield each["name"], "table", each["target"]["rawSql"]
    for each in board["templating"]["list"]:
        if each["type"] == "query":
            yield each["name"], "variable", each["query"]


def filled_in(text: str, values: Mapping[str, str] = VALUES) -> str:
    """A statement as Grafana sends it."""

    def value(found: re.Match[str]) -> str:
        name, form = found.groups()
        quoted = values[name].replace("'", "''")
        return f"'{quoted}'" if form == "sqlstring" else values[name]

    text = text.replace("$__timeFrom()", f"'{DAY[0]}'").replace("$__timeTo()", f"'{DAY[1]}'")
    return re.sub(r"\$\{(\w+):(sqlstring|raw)\}", value, text)


@pytest.fixture
def desk(connection: Connection) -> Connection:
    """An instrument with a hole, runs, a feed that sends, an underlying with one expiry."""
    (instrument_id,) = around_the_clock(connection, KEY)
    connection.execute("UPDATE market.instruments SET listed_at = %s WHERE instrument_id = %s", [NOON, instrument_id])
    put_candles(connection, instrument_id, [NOON + number * MINUTE for number in range(10) if not 3 <= number < 5])
    insert(connection, instrument_id, [Tick(NOON + 11 * HOUR + MINUTE, 1, Decimal(1), Decimal(1))])
    connection.execute(
        "INSERT INTO market.gaps (dataset, instrument_id, starts, ends, minutes, reason, evidence, found_at)"
        " VALUES ('candles', %s, %s, %s, 2, 'instrument_silent', '{}', %s)",
        [instrument_id, NOON + 3 * MINUTE, NOON + 5 * MINUTE, NOON + 9 * MINUTE],
    )
    latency = [{"feed": "test", "latency_p50_seconds": 1, "latency_p99_seconds": 2}]
    connection.execute(
        "INSERT INTO market.runs (component, scheduled_at, status, seconds, counts)"
        " VALUES ('live_gap_monitor', %s, 'succeeded', 1, %s)",
        [NOON, json.dumps({"feed_latencies": latency})],
    )
    connection.execute(
        "INSERT INTO market.feed_minutes (feed, bucket, seconds) VALUES ('test', %s, %s)", [NOON, "1" * 60]
    )
    underlying = open_underlying(connection, OPENS, OPENS + timedelta(hours=6))
    contracts = [
        {"expiry": "2026-03-20", "strike": strike, "right": right}
        for strike in ("95", "100")
        for right in ("call", "put")
    ]
    list_contracts(connection, underlying, contracts)
    option_desk.write_quotes(
        connection, [quote(OPENS, each["expiry"], each["strike"], each["right"], "4.9", "5.1") for each in contracts]
    )
    option_desk.process(connection, OPENS + 2 * MINUTE)
    return connection


def test_every_statement_answers_a_reader_in_the_form_of_its_panel(desk: Connection) -> None:
    desk.execute("SET ROLE chandlery_reader")
    desk.execute("SET default_transaction_read_only = on")
    try:
        for path in FILES:
            for title, form, text in statements(path):
                answered = desk.execute(filled_in(text).encode())
                columns = [(column.name, column.type_code) for column in answered.description or ()]
                rows = answered.fetchall()
                assert rows or title in EMPTY or "now()" in text, (path.name, title)
                _check_form(form, columns, (path.name, title))
    finally:
        desk.execute("RESET default_transaction_read_only")
        desk.execute("RESET ROLE")


def _check_form(form: str, columns: Sequence[tuple[str, int]], of: tuple[str, str]) -> None:
    if form == "time_series":
        assert columns[0] == ("time", TIME), of
        assert all(kind in NUMBERS or (name, kind) == ("metric", TEXT) for name, kind in columns[1:]), of
    if form == "variable":
        assert len(columns) == 1, of


def test_an_instrument_s_candles_are_drawn_in_every_timeframe_with_its_hole(desk: Connection) -> None:
    path = next(path for path in FILES if path.stem == "instrument")
    drawn = {title: text for title, _, text in statements(path)}
    candles = desk.execute(filled_in(drawn["$instrument $relation"]).encode()).fetchall()
    assert [row[0] for row in candles] == [NOON + number * MINUTE for number in (0, 1, 2, 5, 6, 7, 8, 9)]
    (hole,) = desk.execute(filled_in(drawn["holes"]).encode()).fetchall()
    assert hole == (NOON + 3 * MINUTE, NOON + 5 * MINUTE, "instrument_silent, 2 minutes", "open")
    choices = next(each for each in dashboard(path)["templating"]["list"] if each["name"] == "relation")
    offered = dict(choice.split(" : ") for choice in choices["query"].split(", "))
    wanted = {each.value: CANDLES.relation(each) for each in (*CANDLES.readable, *CANDLES.derived)}
    assert offered == wanted
    for relation in offered.values():
        desk.execute(filled_in(drawn["$instrument $relation"], {**VALUES, "relation": relation}).encode())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dashboard_can_be_imported_and_finds_its_variables(path: Path) -> None:
    board = dashboard(path)
    names = {each["name"] for each in board["templating"]["list"]}
    assert "datasource" in names
    assert set(re.findall(r"\$\{?(\w+)", path.read_text())) - {"__timeFrom", "__timeTo"} <= names
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["datasource"] == panel["targets"][0]["datasource"]
        assert panel["datasource"]["uid"] == "${datasource}"
    assert f"(grafana/{path.name})" in (REPO / "docs" / "monitoring.md").read_text()
