"""Files that systems like this one got wrong: imported by the command, asked for by command and route."""

from datetime import UTC, datetime
from math import log
from pathlib import Path

import pytest
from psycopg import Connection

from chandlery.words.window import MINUTE
from tests.integration.market import live
from tests.integration.options import option_desk as desk
from tests.integration.options.option_desk import CLOSES, OPENS, UNDERLYING, process
from tests.integration.options.option_reading import Command, Read, Row, columns, command, options, read, service

INDEX = "X@U@INDEX"
QUOTES = "time,expiry,strike,right,bid,bid_size,ask,ask_size,underlying"
OPEN_INTEREST = "time,expiry,strike,right,open_interest"
TRADES = "time,expiry,strike,right,price,size"

__all__ = ["command", "read", "service"]


class Desk:
    """An underlying whose options come by files."""

    def __init__(self, connection: Connection, command: Command, folder: Path) -> None:
        self.connection, self._command, self._folder = connection, command, folder

    def bring_in(self, kind: str, header: str, *rows: str, key: str = UNDERLYING) -> None:
        path = self._folder / f"{kind}.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        self._command("import", kind, str(path), "--underlying", key)

    def process(self, at: str) -> None:
        process(self.connection, datetime.fromisoformat(at) + 5 * MINUTE)


@pytest.fixture
def book(connection: Connection, command: Command, tmp_path: Path) -> Desk:
    for key in (UNDERLYING, INDEX):
        desk.open_underlying(connection, OPENS, CLOSES, key)
    return Desk(connection, command, tmp_path)


def numbers(row: Row, *names: str) -> list[float]:
    return [float(row[name]) for name in names]


def test_intrinsic_value_is_that_of_the_forward(book: Desk, read: Read) -> None:
    at, ends = datetime(2026, 3, 2, 15, tzinfo=UTC), datetime(2026, 9, 18, 20, tzinfo=UTC)
    # Of such a rate that a dollar at the expiry is worth 0.9946 of one.
    rate = -log(0.9946) * 365 * 86_400 / (ends - at).total_seconds()
    book.connection.execute("INSERT INTO market.rates VALUES ('USD', %s, 200, %s)", [OPENS, rate])
    quoted = {
        "4100": ("291.47,10,292.47", "241.74,10,242.74"), "4150": ("267.49,10,268.49", "267.49,10,268.49"),
        "4200": ("244.96,10,245.96", "294.69,10,295.69"), "2600": ("1499.00,5,1501.00", None),
        "5600": (None, "1454.00,5,1456.00"),
    }  # fmt: skip
    rows = [
        f"2026-03-02T15:00:00Z,2026-09-18,{strike},{right},{prices},10,4130.00"
        for strike, sides in quoted.items()
        for right, prices in zip(("call", "put"), sides, strict=True)
        if prices
    ]
    book.bring_in("option-quotes", QUOTES, *rows, key=INDEX)
    book.process("2026-03-02T15:00Z")
    found = {row["strike"]: row for row in read("chain", key=INDEX)}
    greeks = [f"call_{name}" for name in ("iv", "delta", "gamma", "theta", "vega")]
    assert columns([found["2600"]], "call_iv_status", *greeks) == [("below_intrinsic", *[""] * 5)]
    put = found["5600"]
    assert (put["put_iv_status"], put["call_iv_status"], float(put["forward"])) == ("ok", "", 4150)
    assert numbers(put, "put_iv", "put_delta") == [pytest.approx(0.2298, abs=5e-5), pytest.approx(-0.948, abs=5e-4)]
    inner = [iv for strike in ("4100", "4150", "4200") for iv in numbers(found[strike], "call_iv", "put_iv")]
    assert inner == [pytest.approx(0.22, abs=5e-5)] * 6


def test_the_day_of_expiry_to_the_second(book: Desk, read: Read) -> None:
    row = "2026-03-20T{}:00Z,{},100,{},50,100.05"
    last = {"call": "call,0.08,50,0.12", "put": "put,0.03,50,0.07"}
    week = {"call": "call,1.48,20,1.52", "put": "put,1.43,20,1.47"}
    rows = [row.format(at, "2026-03-20", each) for at in ("19:59", "20:00", "20:01") for each in last.values()]
    book.bring_in("option-quotes", QUOTES, *rows, *(row.format("19:59", "2026-03-27", each) for each in week.values()))
    book.process("2026-03-20T20:01Z")
    first, second, third, fourth = read("strikes", "1m", from_="2026-03-20", to="2026-03-21")
    values = ("call_iv", "put_iv", "call_delta")
    assert numbers(first, *values) == [pytest.approx(iv, abs=5e-5) for iv in (1.3129, 1.3129, 0.6091)]
    assert numbers(second, "call_iv", "put_iv") == [pytest.approx(0.2669, abs=5e-5)] * 2
    names = [f"{side}_{name}" for side in ("call", "put") for name in ("iv", "delta", "gamma", "theta", "vega")]
    for expired in (third, fourth):
        assert columns([expired], "call_iv_status", "put_iv_status", *names) == [("expired", "expired", *[""] * 10)]
    for asked in ({}, {"at": "2026-03-20T20:00:00Z"}, {"at": "2026-03-20T20:02:00Z"}):
        text = options("chain", expiry="2026-03-20", **asked).text
        assert ('"expired"' in text, "NaN" in text, "Infinity" in text) == (True, False, False)


def test_a_ratio_by_nothing_is_empty_and_no_side_has_the_others_figures(book: Desk, read: Read) -> None:
    morning = "2026-03-03T11:30:00Z"
    told = ["2026-03-20,100,call,200", "2026-03-20,100,put,300", "2026-04-17,100,put,80"]
    book.bring_in("open-interest", OPEN_INTEREST, *(f"{morning},{each}" for each in told))
    book.bring_in("option-trades", TRADES, "2026-03-03T15:00:01Z,2026-03-20,100,put,1.20,500")
    live(book.connection, datetime(2026, 3, 3, 15, 2, tzinfo=UTC))
    book.process("2026-03-03T15:00Z")
    asked = ("call_volume", "put_volume", "pcr_volume", "call_oi", "put_oi", "pcr_oi", "max_pain")
    for at in ({}, {"at": "2026-03-03T15:01:00Z"}):
        assert columns(read("expiries", rows="expiries", **at), *asked) == [
            ("0", "500", "", "200", "300", "1.5", "100"),
            ("", "0", "", "", "80", "", "100"),
        ]
        assert columns(read("chain", **at), "call_volume", "put_volume", "call_oi", "put_oi", "put_last") == [
            ("0", "500", "200", "300", "1.2"),
            ("", "0", "", "80", ""),
        ]
    assert book.connection.execute("SELECT count(*) FROM market.expiry_metrics").fetchone() == (2,)


def test_quotes_that_are_none_enter_no_mean(book: Desk, read: Read) -> None:
    said = ["05Z,call,0,0,0,0", "20Z,call,2.60,10,1.90,10", "35Z,call,,,0.05,10", "50Z,call,1.98,10,2.02,10"]
    rows = [
        "2026-03-02T15:00:{},2026-04-17,50,{},50".format(*each.split(",", 1))
        for each in [*said, "50Z,put,1.98,10,2.02,10"]
    ]
    book.bring_in("option-quotes", QUOTES, *rows[:3])
    book.process("2026-03-02T15:00Z")
    values = [f"call_{name}" for name in ("iv_status", "iv", "delta", "gamma", "theta", "vega")]
    assert columns(read("chain"), *values) == [("no_quote", *[""] * 5)]
    book.bring_in("option-quotes", QUOTES, *rows)
    book.process("2026-03-02T15:00Z")
    for timeframe in ("1m", "5m"):
        (row,) = read("strikes", timeframe, from_="2026-03-02", to="2026-03-03")
        found = numbers(row, "call_iv", "put_iv", "call_delta", "put_delta")
        wanted = [(0.2819, 5e-5), (0.2819, 5e-5), (0.52, 5e-3), (-0.48, 5e-3)]
        assert found == [pytest.approx(value, abs=off) for value, off in wanted]
    weights = book.connection.execute("SELECT call_iv_weight, put_iv_weight FROM market.strike_candles_5m").fetchall()
    assert weights == [(1, 1)]


def test_an_index_with_open_interest_once_a_day_carries_it_and_counts_it_once(book: Desk, read: Read) -> None:
    days = ("2026-03-02", "2026-03-03")
    told = [f"{days[0]}T11:30:00Z,2026-03-20,4100,{side},{number}" for side, number in (("CE", 900), ("PE", 300))]
    book.bring_in("open-interest", OPEN_INTEREST, *told, key=INDEX)
    quoted = [f"{at}:30Z,2026-03-20,4100,{{}},291.47,10,292.47,10,4130.00" for at in ("T15:00", "T15:03", "T15:07")]
    rows = [f"{day}{each.format(right)}" for day in days for each in quoted for right in ("CE", "PE")]
    book.bring_in("option-quotes", QUOTES, *rows, key=INDEX)
    book.process("2026-03-03T15:08Z")
    held = ("900", f"{days[0]}T11:30:00Z", "300", f"{days[0]}T11:30:00Z")
    asked = ("call_oi", "call_oi_as_of", "put_oi", "put_oi_as_of")
    # The publication has a candle, and each quote; each bucket has the value at its end, and no sum.
    for timeframe, buckets in {"1m": 7, "5m": 5, "15m": 3, "1h": 3, "1d": 2}.items():
        found = read("strikes", timeframe, key=INDEX, from_=days[0], to="2026-03-04")
        assert columns(found, *asked) == [held] * buckets, timeframe
    for at in ("T11:31", "T20:59"):
        for day in days:
            query = {"at": f"{day}{at}:00Z"}
            assert columns(read("chain", key=INDEX, **query), *asked, "call_volume") == [(*held, "0")]
            (metrics,) = read("expiries", rows="expiries", key=INDEX, **query)
            assert columns([metrics], "call_oi", "put_oi", "oi_coverage", "call_volume") == [("900", "300", "1", "0")]
    at_once = options("expiries", key=INDEX, at=f"{days[1]}T15:01:00Z").text
    assert '"pcr_oi":0.333333333333333333,' in at_once
    bars = book.connection.execute("SELECT call_oi_sum, put_oi_sum FROM market.fo_option_strike_bars_15min").fetchall()
    assert set(bars) == {(900, 300)}
