"""Options as they are read: the command line and the HTTP API say the same of chains, strike candles and expiries."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import log
from typing import Any

import pytest
from psycopg import Connection

from chandlery.words.window import DAY, MINUTE
from tests import plain_options
from tests.integration.api_scene import Answer, get
from tests.integration.options import option_desk as desk
from tests.integration.options.option_desk import CLOSES, OPENS, UNDERLYING, process, quote
from tests.integration.options.option_reading import Command, Read, Row, columns, command, options, read, service

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
EXPIRY = "2026-03-20"

__all__ = ["command", "read", "service"]


@pytest.fixture
def underlying(connection: Connection) -> int:
    return desk.open_underlying(connection, OPENS, CLOSES)


def told(at: str, strike: str, right: str, number: int, **more: str) -> dict[str, Any]:
    moment = datetime.fromisoformat(at)
    return {"time": moment, "expiry": EXPIRY, "strike": strike, "right": right, "open_interest": number, **more}


def publish(connection: Connection, underlying: int, rows: Sequence[dict[str, Any]]) -> None:
    desk.list_contracts(connection, underlying, rows)
    desk.write_open_interest(connection, rows)
    process(connection, max(row["time"] for row in rows) + MINUTE)


def test_max_pain_of_a_tie_and_of_strikes_with_one_side(connection: Connection, underlying: int, read: Read) -> None:
    morning = "2026-03-03T11:30:00Z"
    held = {
        "call": {"95": 50, "97.5": 50, "105": 50, "110": 10},
        "put": {"90": 40, "95": 60, "97.5": 100, "105": 50, "110": 50},
    }
    publish(
        connection,
        underlying,
        [told(morning, strike, side, number) for side, each in held.items() for strike, number in each.items()],
    )
    (before,) = read("expiries", rows="expiries", at="2026-03-03T14:00:00Z")
    assert columns([before], "max_pain", "pcr_oi", "call_oi", "put_oi", "atm_iv", "forward") == [
        ("97.5", "1.875", "160", "300", "", "")
    ]
    calls, puts = ({Decimal(strike): number for strike, number in each.items()} for each in held.values())
    assert Decimal(before["max_pain"]) == plain_options.max_pain(calls, puts)
    traded = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
    candle = {"time": traded, "expiry": EXPIRY, **dict.fromkeys(("open", "high", "low", "close"), Decimal("0.2"))}
    sides = [("110", "call", 5000), ("95", "put", 10)]
    desk.write_candles(connection, [candle | {"strike": s, "right": r, "volume": v} for s, r, v in sides])
    process(connection, traded + MINUTE)
    (after,) = read("expiries", rows="expiries", at="2026-03-03T15:01:00Z")
    assert columns([after], "max_pain", "pcr_oi", "call_volume", "put_volume", "pcr_volume") == [
        ("97.5", "1.875", "5000", "10", "0.002")
    ]


def test_open_interest_is_the_last_that_was_published_by_then(
    connection: Connection, underlying: int, read: Read
) -> None:
    third, fourth = "2026-03-03T11:30:00Z", "2026-03-04T11:30:00Z"
    publish(
        connection,
        underlying,
        [told(fourth, "100", "call", 300), told(third, "100", "call", 900), told(third, "105", "call", 0)],
    )
    wanted = ("strike", "call_oi", "call_oi_as_of", "put_oi")
    before = read("chain", at="2026-03-03T20:59:00Z")
    assert columns(before, *wanted) == [("100", "900", third, ""), ("105", "0", third, "")]
    after = read("chain", at="2026-03-04T14:31:00Z")
    assert columns(after, *wanted) == [("100", "300", fourth, ""), ("105", "0", third, "")]
    assert columns(read("chain"), *wanted) == columns(after, *wanted)
    # Not a moment before it was published.
    for moment in ("2026-03-03T11:29:59Z", "2026-03-03T11:30:00Z"):
        assert columns(read("chain", at=moment), "call_oi") == [("",), ("",)]
    assert columns(read("chain", at="2026-03-04T11:30:00Z"), "call_oi") == [("900",), ("0",)]
    for timeframe in ("1m", "5m", "1d"):
        query = {"from": "2026-03-03", "to": "2026-03-05"}
        rows = [row for row in read("strikes", timeframe, **query) if row["strike"] == "100"]
        assert columns(rows, "call_oi", "call_oi_as_of") == [("900", third), ("300", fourth)]


def test_twins_are_side_by_side(connection: Connection, underlying: int, read: Read) -> None:
    roots = {"AMX": ("5.10", "5.30", 4000), "AMX1": ("1.00", "1.40", 7)}
    rows = [quote(AT, "2026-12-18", "100", "call", *prices, contract=root) for root, (*prices, _) in roots.items()]
    desk.list_contracts(connection, underlying, rows)
    desk.write_open_interest(
        connection,
        [
            {**row, "time": AT - 210 * MINUTE, "open_interest": number}
            for row, (_, _, number) in zip(rows, roots.values(), strict=True)
        ],
    )
    desk.write_quotes(connection, rows)
    process(connection, AT + MINUTE)
    found = read("chain", expiry="2026-12-18")
    assert columns(found, "contract", "call_bid", "call_ask", "call_oi") == [
        ("AMX", "5.1", "5.3", "4000"),
        ("AMX1", "1", "1.4", "7"),
    ]
    one = options("strike-history", timeframe="1m", expiry="2026-12-18", strike="100", contract="AMX1")
    assert [row["call_bid"] for row in one.json["strikes"]] == [None, 1]


def test_ranks_are_places_on_the_listed_ladder(
    connection: Connection, underlying: int, read: Read, command: Command
) -> None:
    mids = {
        "90": ("13.25", "2.00"), "95": ("8.25", "2.00"), "100": ("3.25", "2.00"), "102.5": ("2.00", "3.25"),
        "105": ("2.00", "5.75"), "110": ("2.00", "10.75"), "120": ("2.00", "20.75"),
    }  # fmt: skip
    half = Decimal("0.05")
    rows = [
        quote(AT, "2026-04-17", strike, side, str(Decimal(mid) - half), str(Decimal(mid) + half), underlying=102)
        for strike, sides in mids.items()
        for side, mid in zip(("call", "put"), sides, strict=True)
    ]
    silent = [quote(AT, "2026-04-17", "97.5", side, None, None) for side in ("call", "put")]
    desk.list_contracts(connection, underlying, [*rows, *silent])
    desk.write_quotes(connection, rows)
    process(connection, AT + MINUTE)
    found = read("chain", at="2026-03-02T15:01:00Z")
    ladder = [Decimal(strike) for strike in [*mids, "97.5"]]
    wanted = plain_options.ranks(ladder, Decimal("101.25"))
    assert {Decimal(row["strike"]): int(row["rank"]) for row in found} == wanted
    of = {row["strike"]: row for row in found}
    assert float(of["102.5"]["moneyness"]) == pytest.approx(log(102.5 / 101.25))
    assert (of["97.5"]["rank"], of["97.5"]["time"], of["97.5"]["call_bid"], of["97.5"]["call_volume"]) == (
        "-1",
        "",
        "",
        "0",
    )
    assert columns(read("chain", near=1), "rank") == [("-1",), ("0",), ("1",)]
    series = options("moneyness-series", expiry="2026-04-17", rank=-2, field="put_mid").json
    assert series["points"] == [{"time": "2026-03-02T15:00:00Z", "strike": 95, "contract": "", "value": 2}]
    # On a terminal the money is marked, calls are on its left, puts on its right.
    (line,) = [line for line in command("chain", UNDERLYING).splitlines() if "> 100 <" in line]
    left, right = line.split("> 100 <")
    assert left.split()[-2:] == ["3.2", "3.3"]
    assert right.split()[:2] == ["1.95", "2.05"]


@pytest.fixture
def quoted_desk(connection: Connection, underlying: int) -> Connection:
    """Three strikes of two expiries, quoted for ten minutes while the money moves; the rest of the time silent."""
    rows = [
        quote(
            AT + late * MINUTE, expiry, strike, side, *(f"{max(lead, 0) + more}" for more in (1, 1.2)),
            underlying=100 + late,
        )
        for late in range(10)
        for expiry in (EXPIRY, "2026-04-17")
        for strike in ("95", "100", "105")
        for side in ("call", "put")
        for lead in [(100 + late - float(strike)) * (1 if side == "call" else -1)]
    ]  # fmt: skip
    desk.list_contracts(connection, underlying, rows)
    desk.write_quotes(connection, rows)
    process(connection, AT + 30 * MINUTE)
    return connection


@pytest.mark.usefixtures("quoted_desk")
def test_pages_go_on_where_the_one_before_ended(read: Read) -> None:
    stretch: dict[str, Any] = {"from": AT.isoformat(), "to": (AT + DAY).isoformat()}
    for timeframe, count in (("1m", 60), ("5m", 12)):
        whole = options("strikes", timeframe=timeframe, limit=1000, **stretch).json["strikes"]
        assert len(whole) == count == len(read("strikes", timeframe, **stretch))
        questions: list[tuple[dict[str, Any], int]] = [(stretch, 5), ({}, 5), (stretch, count), ({}, count)]
        for asked, limit in questions:
            pages: list[list[Row]] = []
            cursor: dict[str, str] = {}
            while True:
                answer = options("strikes", timeframe=timeframe, limit=limit, **asked, **cursor).json
                pages.append(answer["strikes"])
                if answer["next_cursor"] is None:
                    break
                cursor = {"cursor": answer["next_cursor"]}
            assert [row for page in (pages if asked else reversed(pages)) for row in page] == whole
    chain = options("chain", limit=1000).json["strikes"]
    first = options("chain", limit=4).json
    second = options("chain", limit=4, cursor=first["next_cursor"]).json
    assert (first["strikes"] + second["strikes"], second["next_cursor"]) == (chain, None)
    newest = options("expiry-metrics", timeframe="1m", limit=3).json
    assert [row["time"] for row in newest["metrics"]] == [
        f"2026-03-02T15:{late:02}:00Z" for late in (8, 9, 10) for _ in range(2)
    ]
    older = options("expiry-metrics", timeframe="1m", limit=7, cursor=newest["next_cursor"]).json
    assert (len(older["metrics"]), older["next_cursor"]) == (14, None)
    metrics = options("expiry-metrics", timeframe="1m", expiry=EXPIRY, **stretch).json["metrics"]
    assert [row["time"] for row in metrics] == [f"2026-03-02T15:{late:02}:00Z" for late in range(1, 11)]
    assert metrics[-1] == options("expiries").json["expiries"][0]


@pytest.mark.usefixtures("quoted_desk")
def test_a_moneyness_is_followed_from_strike_to_strike() -> None:
    told = options("moneyness-series", expiry=EXPIRY, rank=0, field="call_mid", **{"from": AT.isoformat()}).json
    assert [point["strike"] for point in told["points"]] == [100, 100, 100, *[105] * 7]
    assert (told["rank"], told["field"], told["timeframe"], told["next_cursor"]) == (0, "call_mid", "1m", None)
    asked: dict[str, Any] = {"expiry": EXPIRY, "rank": 0, "field": "call_mid", "from": AT.isoformat()}
    for symbol in ("U", UNDERLYING):
        assert get("/fo/moneyness-series", symbol=symbol, **asked).json == told
    history = options("strike-history", timeframe="5m", expiry=EXPIRY, strike="100.0").json["strikes"]
    assert [(row["strike"], row["minutes"], row["rank"]) for row in history] == [(100, 5, -1), (100, 5, -1)]


@pytest.mark.usefixtures("quoted_desk")
def test_what_is_wrong_is_reported_with_what_would_be_right(command: Command) -> None:
    series: dict[str, Any] = {"expiry": EXPIRY, "rank": 0, "field": "call_iv"}
    refused = [
        (options("chain", "x@u@eq"), 404, [], "did you mean X@U@EQ"),
        (options("chain", "OPRA@U-2026-03-20-c-95@OPTION"), 404, [], "has no option contracts"),
        (options("chain", expiry="2026-03-21"), 422, ["expiry"], "there is: 2026-03-20, 2026-04-17"),
        (options("chain", expiry="today"), 422, ["expiry"], "ISO 8601"),
        (options("chain", at="15:00"), 422, ["at"], "ISO 8601"),
        (options("strikes", timeframe="30m"), 422, ["timeframe"], "there is: 1m, 5m, 15m, 1h, 1d"),
        (options("strikes", timeframe="1m", limit=0), 422, ["limit"], "1"),
        (options("strikes", timeframe="1m", from_=AT.isoformat(), to=AT.isoformat()), 422, ["from"], "is not before"),
        (options("strikes", timeframe="1m", cursor="x"), 422, ["cursor"], "cursor"),
        (options("strike-history", timeframe="1m", expiry=EXPIRY, strike=101), 422, ["strike"], "95, 100, 105"),
        (options("strike-history", timeframe="1m", expiry=EXPIRY, strike=0), 422, ["strike"], "0"),
        (options("moneyness-series", **series | {"rank": 3}), 422, ["rank"], "from -2 to 2"),
        (options("moneyness-series", **series | {"field": "vix"}), 422, ["field"], "call_iv"),
        (options("moneyness-series", **series | {"expiry": "2026-01-01"}), 422, ["expiry"], EXPIRY),
        (options("expiry-metrics", limit=1000), 422, ["limit"], ""),
        (options("expiries", strike=1), 422, ["strike"], "there are: at"),
        (get("/fo/moneyness-series", symbol="V", **series), 404, [], UNDERLYING),
        (get("/fo/moneyness-series", symbol="U"), 422, ["expiry", "rank", "field"], ""),
    ]
    for answer, status, fields, said in refused:
        assert (answer.status, answer.fields) == (status, fields), answer.text
        assert said in answer.text
    assert "there is: 2026-03-20, 2026-04-17" in command("chain", UNDERLYING, "--expiry", "2026-03-21", exit_code=1)
    assert "X@U@EQ" in command("expiries", "x@u@eq", exit_code=1)
    assert "there is: 1m, 5m" in command(
        "strikes", UNDERLYING, "4h", "--from", "2026-03-02", "--to", "2026-03-03", exit_code=1
    )
    assert "not a time" in command("chain", UNDERLYING, "--at", "noon", exit_code=2)


def test_an_answer_is_kept_until_a_strike_candle_changes(quoted_desk: Connection) -> None:
    stretch: dict[str, Any] = {"from": AT.isoformat(), "to": (AT + DAY).isoformat()}
    series: dict[str, Any] = {"expiry": EXPIRY, "rank": 0, "field": "put_iv"}
    questions: list[Callable[[], Answer]] = [
        lambda: options("strikes", timeframe="1m", **stretch),
        lambda: options("strikes", timeframe="1m"),
        lambda: options("chain"),
        lambda: options("expiries"),
        lambda: options("expiry-metrics", timeframe="1m"),
        lambda: options("moneyness-series", **series),
    ]
    before = [ask() for ask in questions]
    assert {answer.headers["X-Cache"] for answer in before} == {"miss"}
    again = [ask() for ask in questions]
    assert {answer.headers["X-Cache"] for answer in again} == {"hit"}
    assert [answer.text for answer in again] == [answer.text for answer in before]
    tag = before[2].headers["ETag"]
    assert get(f"/api/v1/options/{UNDERLYING}/chain", if_none_match=tag).status == 304
    late = quote(AT + 9 * MINUTE + timedelta(seconds=30), EXPIRY, "100", "call", "20", "21")
    desk.write_quotes(quoted_desk, [late])
    process(quoted_desk, AT + 30 * MINUTE)
    changed = [ask() for ask in questions]
    assert {answer.headers["X-Cache"] for answer in changed} == {"miss"}
    (row,) = [row for row in changed[2].json["strikes"] if row["strike"] == 100 and row["expiry"] == EXPIRY]
    assert (row["call_bid"], row["call_ask"]) == (20, 21)


def test_a_chain_that_was_kept_is_never_out_of_date(quoted_desk: Connection, underlying: int) -> None:
    """What it comes from beyond strike candles: volume of the session, open interest, contracts and their listing."""
    questions: list[Callable[[], Answer]] = [
        lambda: options("chain", expiry=EXPIRY),
        lambda: options("chain", expiry=EXPIRY, at=(AT + 10 * MINUTE).isoformat()),
    ]

    def ask() -> list[tuple[str, list[Row]]]:
        return [(answer.headers["X-Cache"], answer.json["strikes"]) for answer in (each() for each in questions)]

    def process_nothing() -> None:
        # As where retention has dropped what the minute is made of: its strike candle stays.
        quoted_desk.execute("DELETE FROM market.dirty")

    ask()
    assert [kept for kept, _ in ask()] == ["hit", "hit"]
    prices = dict.fromkeys(("open", "high", "low", "close"), 7)
    traded = {"time": AT, "expiry": EXPIRY, "strike": "100", "right": "call", **prices, "volume": 11}
    published = told((AT - 9 * DAY).isoformat(), "100", "put", 33)
    changes: list[tuple[Callable[[], None], Callable[[], object], str, object]] = [
        (lambda: desk.write_candles(quoted_desk, [traded]), process_nothing, "call_volume", 11),
        (
            lambda: desk.write_open_interest(quoted_desk, [published]),
            lambda: process(quoted_desk, AT + 30 * MINUTE), "put_oi", 33,
        ),
    ]  # fmt: skip
    for change, then, column, value in changes:
        change()
        for settle in (lambda: None, then):
            settle()
            assert [[row[column] for row in rows if row["strike"] == 100] for _, rows in ask()] == [[value]] * 2
    assert [kept for kept, _ in ask()] == ["hit", "hit"]
    desk.list_contracts(quoted_desk, underlying, [told(AT.isoformat(), "110", "call", 1)])
    assert [(kept, rows[-1]["strike"], rows[-1]["call_volume"]) for kept, rows in ask()] == [("miss", 110, 0)] * 2
    quoted_desk.execute(
        "UPDATE market.instruments SET listed_at = %s"
        " WHERE instrument_id = (SELECT max(instrument_id) FROM market.option_contracts)",
        [AT + DAY],
    )
    assert [(kept, rows[-1]["strike"]) for kept, rows in ask()] == [("miss", 105)] * 2
    assert [kept for kept, _ in ask()] == ["hit", "hit"]
    quoted_desk.execute(
        "UPDATE market.sessions SET opens_at = %s WHERE opens_at <= %s AND closes_at > %s", [AT + MINUTE, AT, AT]
    )
    assert [[row["call_volume"] for row in rows if row["strike"] == 100] for _, rows in ask()] == [[0]] * 2


def test_open_interest_holds_until_the_next_publication_however_old(
    connection: Connection, underlying: int, read: Read
) -> None:
    """Published once, before a holiday: in chains and metrics alike, with its time, and counted once."""
    first, second = AT - 20 * DAY, AT - 2 * MINUTE
    publish(connection, underlying, [told(first.isoformat(), "100", side, 40) for side in ("call", "put")])
    rows = [quote(AT, EXPIRY, strike, side, "2", "2.2") for strike in ("100", "105") for side in ("call", "put")]
    desk.list_contracts(connection, underlying, rows)
    desk.write_quotes(connection, rows)
    process(connection, AT + MINUTE)
    wanted = ("strike", "call_oi", "call_oi_as_of", "put_oi")
    as_of = first.isoformat().replace("+00:00", "Z")
    for at in ({}, {"at": (AT + MINUTE).isoformat()}):
        assert columns(read("chain", **at), *wanted) == [("100", "40", as_of, "40"), ("105", "", "", "")]
        (metrics,) = read("expiries", rows="expiries", **at)
        assert columns([metrics], "call_oi", "put_oi", "oi_coverage") == [("40", "40", "0.5")]
    publish(connection, underlying, [told(second.isoformat(), "100", "call", 0)])
    assert columns(read("chain"), *wanted)[0] == ("100", "0", second.isoformat().replace("+00:00", "Z"), "40")
    (metrics,) = read("expiries", rows="expiries")
    assert columns([metrics], "call_oi", "put_oi", "oi_coverage", "pcr_oi") == [("0", "40", "0.5", "")]


def test_what_is_old_has_no_volatility_and_nothing_is_nan(connection: Connection, underlying: int, read: Read) -> None:
    expiry = "2026-03-02"
    sides = {"call": ("0.08", "0.12"), "put": ("0.03", "0.07")}
    moments = {"100": (CLOSES - 20 * MINUTE, CLOSES - MINUTE, CLOSES), "105": (CLOSES - 20 * MINUTE,)}
    rows = [
        quote(at, expiry, strike, side, *prices, underlying=Decimal("100.05"))
        for strike, times in moments.items()
        for at in times
        for side, prices in sides.items()
        if (strike, side) != ("105", "put")
    ]
    desk.list_contracts(connection, underlying, rows)
    desk.write_quotes(connection, rows)
    process(connection, CLOSES + 5 * MINUTE)
    wanted = ("strike", "call_iv_status", "put_iv_status", "call_bid")
    assert columns(read("chain", at=(CLOSES - MINUTE).isoformat()), *wanted) == [
        ("100", "ok", "ok", "0.08"), ("105", "ok", "", "0.08"),
    ]  # fmt: skip
    for at in (CLOSES, CLOSES + 2 * MINUTE):
        found = read("chain", at=at.isoformat())
        assert columns(found, *wanted[1:3], "call_iv", "call_delta") == [
            ("expired", "expired", "", ""),
            ("expired", "", "", ""),
        ]
    newest = read("chain")
    assert columns(newest, *wanted[1:3]) == [("expired", "expired"), ("expired", "")]
    for answer in (options("chain"), options("strikes", timeframe="1m"), options("expiries")):
        assert not {"NaN", "Infinity"}.intersection(answer.text.split('"'))
        json.loads(answer.text, parse_constant=lambda word: pytest.fail(word))
