"""Dumps of exchanges and vendors by the command: the ticks and candles that they hold, and no others."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from chandlery.reference.store import instruments
from tests.integration.commands import chandlery
from tests.integration.derived_scene import listed
from tests.unit.test_files_people_have import DATABENTO, DOUBTFUL, POLYGON
from tests.unit.test_layouts import CANDLES, TICKS

KEY = "X@A@EQ"
FIRST, LAST = date(2024, 12, 30), date(2026, 7, 1)
Bring = Callable[..., tuple[int, Any, str]]
Read = Callable[..., Sequence[tuple[str, ...]]]


@pytest.fixture
def market(connection: Connection) -> Connection:
    listed(connection, "24/7", FIRST, LAST, KEY)
    return connection


@pytest.fixture
def bring(market: Connection, migrated_url: str, tmp_path: Path) -> Bring:
    """Imports a file, given as text: the exit code, the JSON printed on stdout, and what was printed on stderr."""

    def bring_in(what: str, text: str, *options: str, key: str = KEY) -> tuple[int, Any, str]:
        path = tmp_path / "dump.csv"
        path.write_text(text)
        code, said, told = chandlery(migrated_url, "import", what, str(path), "--instrument", key, "--json", *options)
        return code, json.loads(said) if said else None, told

    return bring_in


@pytest.fixture
def candles(market: Connection, migrated_url: str) -> Read:
    """Columns of candles as the command line says them."""

    def read(*names: str, timeframe: str = "1m", key: str = KEY) -> Sequence[tuple[str, ...]]:
        window = ("--from", str(FIRST), "--to", str(LAST))
        code, said, told = chandlery(migrated_url, "candles", key, timeframe, *window, "--csv")
        assert code == 0, told
        return [tuple(row[name] for name in names) for row in csv.DictReader(io.StringIO(said))]

    return read


def ticks(connection: Connection, key: str = KEY) -> list[tuple[Any, ...]]:
    """Time, seq, price, size and conditions of an instrument's."""
    return connection.execute(
        "SELECT time, seq, price, size, conditions FROM market.ticks JOIN market.instruments USING (instrument_id)"
        " WHERE instrument_key = %s ORDER BY time, seq",
        [key],
    ).fetchall()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_layout_comes_in_without_a_flag(market: Connection, bring: Bring) -> None:
    found: dict[str, object] = {}
    expected: dict[str, object] = {}
    for name, (content, *ends) in TICKS.items():
        key = f"X@{name}@EQ"
        instruments.add(market, key, "24/7", "test", allow_negative=True)
        code, *_ = bring("ticks", content, key=key)
        stored = ticks(market, key)
        found[name] = code, [(row[0], *row[2:4]) for row in (stored[0], stored[-1])]
        expected[name] = 0, [(moment(time), Decimal(price), Decimal(size)) for time, _, price, size, _ in ends]
    for name, (text, *rows) in CANDLES.items():
        key = f"X@{name}@EQ"
        instruments.add(market, key, "24/7", "test")
        code, *_ = bring("candles", text, key=key)
        kept = market.execute(
            "SELECT time, open, high, low, close, volume, trades FROM market.candles"
            " JOIN market.instruments USING (instrument_id) WHERE instrument_key = %s ORDER BY time",
            [key],
        ).fetchall()
        found[name] = code, [kept[0], kept[-1]]
        expected[name] = 0, [(moment(row[0]), *map(Decimal, row[1:6]), row[6]) for row in rows]
    assert found == expected


KLINES = (
    (
        "1735689480000,93100,93140,93090,93120,2.5,1735689539999,232800,40,1,93120,0\n"
        "1735689540000,93120,93150,93110,93140,1,1735689599999,93130,12,0.5,46565,0\n"
    ),
    (
        "1735689600000000,93140,93200,93130,93190,3,1735689659999999,279480,51,1.5,139740,0\n"
        "1735689660000000,93190,93190,93100,93110,2,1735689719999999,186280,33,0.5,46570,0\n"
    ),
)
FUTURES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"
    "1735689600000,93141.0,93201.0,93131.0,93191.0,30.000,1735689659999,2794800.00000,510,15.000,1397400.00000,0\n"
)


def test_klines_in_two_units_are_one_series(market: Connection, bring: Bring, candles: Read) -> None:
    for content, unit in zip(KLINES, ("milliseconds", "microseconds"), strict=True):
        code, _, told = bring("candles", content)
        assert (code, f"binance-klines: times in {unit}" in told) == (0, True)
    assert candles("time", "close", "trades", "vwap") == [
        ("2024-12-31T23:58:00Z", "93120", "40", "93120"),
        ("2024-12-31T23:59:00Z", "93140", "12", "93130"),
        ("2025-01-01T00:00:00Z", "93190", "51", "93160"),
        ("2025-01-01T00:01:00Z", "93110", "33", "93140"),
    ]
    instruments.add(market, "X@F@EQ", "24/7", "test")
    assert bring("candles", FUTURES, key="X@F@EQ")[0] == 0
    assert candles("time", "volume", "trades", key="X@F@EQ") == [("2025-01-01T00:00:00Z", "30", "510")]


def test_three_lines_of_header_lose_no_row(bring: Bring, candles: Read) -> None:
    code, (counts,), told = bring(
        "candles",
        "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDatetime,,,,,\n"
        "2026-01-05 14:30:00+00:00,101.5,102.0,100.5,101.0,1200\n"
        "2026-01-05 14:31:00+00:00,101.2,101.6,101.1,101.5,800\n",
    )
    assert (code, counts["written"], counts["bad"], counts["layout"]) == (0, 2, 0, "yahoo-candles"), told
    assert candles("time", "open", "high", "low", "close", "volume") == [
        ("2026-01-05T14:30:00Z", "101", "102", "100.5", "101.5", "1200"),
        ("2026-01-05T14:31:00Z", "101.5", "101.6", "101.1", "101.2", "800"),
    ]


def test_a_filled_weekend_is_no_candle_and_no_gap(
    market: Connection, migrated_url: str, bring: Bring, candles: Read
) -> None:
    key = "X@EURUSD@FX"
    listed(market, "FX", date(2025, 12, 29), date(2026, 1, 9), key)
    code, made, told = bring(
        "candles",
        "Gmt time,Open,High,Low,Close,Volume\n"
        "02.01.2026 21:58:00.000,1.17410,1.17425,1.17402,1.17418,0.0615\n"
        "02.01.2026 21:59:00.000,1.17418,1.17420,1.17407,1.17411,0.0243\n"
        "02.01.2026 22:00:00.000,1.17411,1.17411,1.17411,1.17411,0\n"
        "03.01.2026 12:00:00.000,1.17411,1.17411,1.17411,1.17411,0\n"
        "04.01.2026 22:00:00.000,1.17440,1.17462,1.17431,1.17455,0.0128\n",
        "--aggregate",
        key=key,
    )
    assert (code, made["files"][0]["left_out"]) == (0, 2), told
    assert candles("time", "close", "volume", key=key) == [
        ("2026-01-02T21:58:00Z", "1.17418", "61500"),
        ("2026-01-02T21:59:00Z", "1.17411", "24300"),
        ("2026-01-04T22:00:00Z", "1.17455", "12800"),
    ]
    assert candles("close", timeframe="1w", key=key) == [("1.17411",), ("1.17455",)]
    code, said, _ = chandlery(migrated_url, "gaps", key, "--all", "--json")
    found = json.loads(said)
    assert (code, found != []) == (0, True)
    # From Friday's close to Sunday's opening nothing is expected.
    assert [gap for gap in found if "2026-01-02T22:00" <= gap["starts"] < "2026-01-04T22:00"] == []


RAW = (
    "1772463600000152000,1772463600000001000,0,1,4242,T,B,0,4531250000000,2,0,100,77,ESH6\n"
    "1772463600500152000,1772463600500001000,0,1,4242,T,A,0,4531000000000,1,0,100,78,ESH6\n"
    "1772463601000152000,1772463601000001000,0,1,4242,T,N,0,9223372036854775807,3,0,100,79,ESH6\n"
)
PRETTY = (
    "2026-03-02T15:00:00.000152000Z,2026-03-02T15:00:00.000001000Z,0,1,4242,T,B,0,4531.250000000,2,0,100,77,ESH6\n"
    "2026-03-02T15:00:00.500152000Z,2026-03-02T15:00:00.500001000Z,0,1,4242,T,A,0,4531.000000000,1,0,100,78,ESH6\n"
    "2026-03-02T15:00:01.000152000Z,2026-03-02T15:00:01.000001000Z,0,1,4242,T,N,0,,3,0,100,79,ESH6\n"
)


@pytest.mark.parametrize("order", [(RAW, PRETTY), (PRETTY, RAW)], ids=["raw first", "pretty first"])
def test_prices_in_fixed_point_are_those_in_decimals(market: Connection, bring: Bring, order: tuple[str, str]) -> None:
    came = [bring("ticks", DATABENTO + content) for content in order]
    assert [(code, counts["new"], counts["known"]) for code, (counts,), _ in came] == [(0, 2, 0), (0, 0, 2)]
    assert all("1 row left out: the price is undefined (line 4)" in told for *_, told in came)
    assert ticks(market) == [
        (moment("2026-03-02T15:00:00.000001"), 77, Decimal("4531.25"), 2, None),
        (moment("2026-03-02T15:00:00.500001"), 78, 4531, 1, None),
    ]


def test_one_rule_of_dates_holds_for_a_file_and_without_one_nothing_is_written(
    market: Connection, bring: Bring
) -> None:
    code, _, told = bring("ticks", DOUBTFUL, "--time-zone", "UTC")
    assert (code, "2020-04-09, 2020-04-10 with --day-first or 2020-09-04, 2020-10-04 with --month-first" in told) == (
        1, True,
    )  # fmt: skip
    assert ticks(market) == []
    shown = DOUBTFUL.replace("size\n", "size\n14/04/2020 10:41:00,772,17\n")
    assert bring("ticks", shown, "--time-zone", "UTC")[0] == 0
    assert [row[0] for row in ticks(market)] == [
        moment("2020-04-09T05:49"), moment("2020-04-10"), moment("2020-04-14T10:41"),
    ]  # fmt: skip


def test_of_a_day_of_all_tickers_the_one_that_is_named_comes_in(market: Connection, bring: Bring) -> None:
    code, _, told = bring("ticks", POLYGON)
    assert (code, "has rows of AAX, BBX; say whose are to be read: --ticker AAX" in told) == (1, True)
    assert ticks(market) == []
    assert bring("ticks", POLYGON, "--ticker", "AAX")[0] == 0
    at = moment("2026-01-05T14:30:00.123456")
    assert ticks(market) == [
        (at, 3807, Decimal("101.00"), 5, "12,37"),
        (at, 3808, Decimal("101.02"), 8, "12"),
    ]
