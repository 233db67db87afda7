"""Half a day of GOOG's options as they are read: what plain Python makes of the chain, and through which indexes."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from psycopg import ClientCursor, Connection

from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.options.read_strikes import StrikeQuery, write_strikes
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.policies.wanted import read_policies
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store.instruments import find
from chandlery.refresh.store import refreshes
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, MINUTE, Window
from tests import plain_options
from tests.conftest import empty
from tests.integration.options import option_desk as desk
from tests.integration.options.option_desk import process
from tests.integration.options.option_reading import Read, command, options, read, service

KEY, EXPIRY = "XNAS@GOOG@EQ", "2016-01-15"
OPENS = datetime(2015, 12, 24, 14, 30, tzinfo=UTC)

__all__ = ["command", "read", "service"]


@pytest.fixture(scope="module")
def goog(migrated_url: str, real_data: Path) -> Iterator[Connection]:
    """A quarter of an hour of options that expire in January, with the open interest of the morning."""
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        set_scene(connection, real_data)
        yield connection


def set_scene(connection: Connection, real_data: Path) -> None:
    found: dict[str, list[dict[str, Any]]] = {}
    for name in ("quotes", "trades", "open-interest", "underlying"):
        rows = desk.read_csv(real_data / "us-options-1m" / f"GOOG-2015-12-24-{name}.csv.gz")
        rows = [row for row in rows if row.get("expiry") in (None, EXPIRY)]
        given: list[dict[str, Any]] = [{**row, "time": datetime.fromisoformat(row["time"])} for row in rows]
        found[name] = [row for row in given if row["time"] < OPENS + 15 * MINUTE]
    underlying = desk.open_underlying(connection, OPENS, datetime(2015, 12, 24, 18, tzinfo=UTC), KEY)
    desk.list_contracts(connection, underlying, [*found["quotes"], *found["open-interest"]])
    desk.write_quotes(connection, found["quotes"])
    desk.write_candles(connection, found["trades"])
    desk.write_candles(connection, found["underlying"], underlying)
    desk.write_open_interest(connection, found["open-interest"])
    process(connection, datetime(2015, 12, 24, 18, 30, tzinfo=UTC))
    refreshes.refresh(connection, STRIKE_CANDLES.rollups[0].relation, Window(OPENS - DAY, OPENS + DAY))
    connection.execute("ANALYZE")


@pytest.mark.usefixtures("goog")
def test_a_real_chain_is_what_plain_python_makes_of_it(read: Read) -> None:
    at = "2015-12-24T14:42:00Z"
    chain = read("chain", key=KEY, at=at)
    strikes = {Decimal(row["strike"]): row for row in chain}
    assert len(strikes) > 150
    assert all(row["time"] < at for row in chain if row["time"])
    forward = Decimal(chain[0]["forward"])
    assert {strike: int(row["rank"]) for strike, row in strikes.items()} == plain_options.ranks(strikes, forward)
    (expiry,) = read("expiries", key=KEY, rows="expiries", at=at)
    sides = {
        side: {strike: int(row[f"{side}_oi"]) for strike, row in strikes.items() if row[f"{side}_oi"]}
        for side in ("call", "put")
    }
    assert Decimal(expiry["max_pain"]) == plain_options.max_pain(sides["call"], sides["put"])
    ratio = plain_options.put_call_ratio(sum(sides["put"].values()), sum(sides["call"].values()))
    assert float(expiry["pcr_oi"]) == pytest.approx(ratio)
    (money,) = [row for row in chain if row["rank"] == "0"]
    assert expiry["atm_strike"] == money["strike"]
    mids = [Decimal(money[f"{side}_mid"]) for side in ("call", "put")]
    assert Decimal(expiry["straddle"]) == plain_options.sum_of_sides(*mids)
    ivs = [float(money[f"{side}_iv"]) for side in ("call", "put")]
    assert float(expiry["atm_iv"]) == pytest.approx(plain_options.mean_of_sides(*ivs))
    smiles = {
        side: [
            (strike, float(row[f"{side}_delta"]), float(row[f"{side}_iv"]))
            for strike, row in strikes.items()
            if row[f"{side}_iv"]
        ]
        for side in ("call", "put")
    }
    assert float(expiry["skew_25d"]) == pytest.approx(plain_options.skew_25d(smiles["call"], smiles["put"]))
    for side in ("call", "put"):
        assert int(expiry[f"{side}_volume"]) == sum(int(row[f"{side}_volume"] or 0) for row in chain)


@pytest.mark.usefixtures("goog")
def test_real_strike_candles_are_those_that_are_stored(goog: Connection, read: Read) -> None:
    stretch = {"from": "2015-12-24T14:35:00Z", "to": "2015-12-24T14:40:00Z", "expiry": EXPIRY}
    for timeframe, width in (("5m", 5), ("1m", 1)):
        told = read("strikes", timeframe, key=KEY, **stretch) if timeframe == "5m" else None
        rows = told or options("strikes", KEY, timeframe="1m", limit=10_000, **stretch).json["strikes"]
        stored = goog.execute(
            "SELECT strike, date_bin(make_interval(mins => %s), time, '2000-01-01'), avg(call_iv), sum(put_volume),"
            " last(call_bid, time) FILTER (WHERE call_bid IS NOT NULL), max(call_oi), count(*)"
            " FROM market.strike_candles WHERE time >= %s AND time < %s GROUP BY 1, 2 ORDER BY 2, 1",
            [width, stretch["from"], stretch["to"]],
        ).fetchall()
        names = ("strike", "call_iv", "put_volume", "call_bid", "call_oi", "minutes")
        found = [tuple(None if row[name] in ("", None) else float(row[name]) for name in names) for row in rows]
        wanted = [
            tuple(None if value is None else pytest.approx(float(value)) for value in (row[0], *row[2:]))
            for row in stored
        ]
        assert found == wanted
        assert len(found) > 100


def test_strikes_and_ranks_are_found_by_their_indexes(goog: Connection) -> None:
    """Also where a chunk is columns, by the index over its segments."""
    (instrument_id,) = goog.execute("SELECT DISTINCT instrument_id FROM market.strike_candles").fetchone() or (0,)
    underlying = find(goog, KEY)
    starts = datetime(2015, 12, 24, tzinfo=UTC)
    of: dict[str, Any] = {"starts": starts, "ends": starts + DAY, "expiry": date(2016, 1, 15), "limit": 500}
    asked = {
        "strike_candles_pkey": StrikeQuery(Timeframe.M1, strike=Decimal(750), contract="", **of),
        "strike_candles_rank_idx": StrikeQuery(Timeframe.M1, ranks=(0, 0), field="call_iv", **of),
        "strike_candles_5m_rank_idx": StrikeQuery(Timeframe.M5, ranks=(0, 0), field="call_iv", **of),
    }
    assert underlying.instrument_id == instrument_id
    goog.execute("ANALYZE market.strike_candles")
    for index, query in asked.items():
        assert index in plan_of(goog, underlying, query)
    tables = ("strike_candles", "strike_candles_5m")
    for table in tables:
        columns = read_policies()[table].columnstore
        assert columns is not None
        segments, order = ", ".join(columns.segment_by), ", ".join(columns.order_by)
        goog.execute("CALL market.set_columnstore(%s, %s, %s)", [table, segments, order])
    try:
        for table in tables:
            goog.execute("SELECT compress_chunk(chunk) FROM show_chunks(market.policy_relation(%s)) AS chunk", [table])
            goog.execute("CALL market.analyze_table(%s)", [table])
        # Here half of a small table is asked for.
        goog.execute("SET enable_seqscan = off")
        for query in asked.values():
            plan = plan_of(goog, underlying, query)
            assert re.search(r"Index Scan (?:using|on) \w*compress\w+_idx", plan), plan
            assert re.search(r"Index Cond: \(\(instrument_id = \d+\) AND \(expires_at =", plan), plan
    finally:
        goog.execute("RESET enable_seqscan")
        for table in tables:
            chunks = "show_chunks(market.policy_relation(%s))"
            goog.execute(f"SELECT decompress_chunk(chunk) FROM {chunks} AS chunk", [table])  # noqa: S608


def plan_of(connection: Connection, underlying: Instrument, query: StrikeQuery) -> str:
    """How the server answers what is asked of it first."""
    asked: list[tuple[str, Any]] = []

    def keep(_: Connection, text: str, given: Any) -> list[Any]:
        asked.append((text, given))
        return []

    with patch("chandlery.options.store.answers._run", keep):
        write_strikes(connection, underlying, query)
    text, given = asked[0]
    with ClientCursor(connection) as cursor:
        cursor.execute("EXPLAIN " + text, given)
        return "\n".join(line for (line,) in cursor.fetchall())
