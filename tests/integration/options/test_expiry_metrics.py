"""What a chain comes to: worked out by hand, and by the plainest sums there are."""

import random
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import dict_row

from chandlery.words.window import MINUTE
from tests.integration.options import option_desk as desk
from tests.integration.options.option_desk import CLOSES, OPENS, process, quote

MORNING = datetime(2026, 3, 2, 11, 30, tzinfo=UTC)
AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
EXPIRY = "2026-03-20"


@pytest.fixture
def underlying(connection: Connection) -> int:
    return desk.open_underlying(connection, OPENS, CLOSES)


def told(strike: str, right: str, number: int, expiry: str = EXPIRY, at: datetime = MORNING) -> dict[str, Any]:
    return {"time": at, "expiry": expiry, "strike": strike, "right": right, "open_interest": number}


def trade(strike: str, right: str, volume: int, expiry: str = EXPIRY) -> dict[str, Any]:
    prices = dict.fromkeys(("open", "high", "low", "close"), 1)
    return {"time": AT, "expiry": expiry, "strike": strike, "right": right, **prices, "volume": volume}


def metrics(connection: Connection, underlying: int, *moments: datetime) -> list[dict[str, Any]]:
    cursor = connection.cursor(row_factory=dict_row)
    query = "SELECT * FROM market.expiry_metrics_at(%s, %s) ORDER BY time, expires_at"
    return cursor.execute(query, [underlying, list(moments)]).fetchall()


def test_max_pain_is_by_open_interest_and_of_two_the_lower(connection: Connection, underlying: int) -> None:
    rows = [
        told("90", "put", 100), told("95", "call", 20), told("95", "put", 20), told("97.5", "call", 40),
        told("97.5", "put", 60), told("105", "call", 60), told("105", "put", 80), told("110", "call", 40),
        told("110", "put", 40),
    ]  # fmt: skip
    desk.list_contracts(connection, underlying, rows)
    desk.write_open_interest(connection, rows)
    desk.write_candles(connection, [trade("110", "call", 9000)])
    process(connection, AT + MINUTE)
    (found,) = metrics(connection, underlying, AT + MINUTE)
    assert (found["max_pain"], found["pcr_oi"]) == (plain_pain(rows), Decimal("1.875"))
    assert (found["call_oi"], found["put_oi"], found["oi_coverage"]) == (160, 300, 1)
    # By volume it would be another one; of equals the lower is taken.
    even = [told("100", "call", 10, "2026-04-17"), told("110", "put", 10, "2026-04-17")]
    desk.list_contracts(connection, underlying, even)
    desk.write_open_interest(connection, even)
    process(connection, AT + MINUTE)
    assert metrics(connection, underlying, AT + MINUTE)[1]["max_pain"] == 100


def plain_pain(rows: list[dict[str, Any]]) -> Decimal:
    """The strike at which those who hold options get least."""

    def paid(at: Decimal) -> Decimal:
        sides = {"call": 1, "put": -1}
        return sum(
            (
                max(sides[row["right"]] * (at - Decimal(row["strike"])), Decimal(0)) * row["open_interest"]
                for row in rows
            ),
            Decimal(0),
        )

    strikes = {Decimal(row["strike"]) for row in rows}
    return min(strikes, key=lambda strike: (paid(strike), strike))


@pytest.mark.parametrize("seed", range(3))
def test_pain_of_any_chain_is_that_of_the_plain_sum(connection: Connection, underlying: int, seed: int) -> None:
    chance = random.Random(seed)
    rows = [
        told(str(strike), right, chance.randrange(50))
        for strike in chance.sample(range(50, 150), 12)
        for right in chance.sample(("call", "put"), chance.choice((1, 2)))
    ]
    desk.list_contracts(connection, underlying, rows)
    desk.write_open_interest(connection, rows)
    process(connection, AT)
    (found,) = metrics(connection, underlying, AT)
    assert found["max_pain"] == plain_pain(rows)


def test_money_straddle_and_skew_are_those_of_the_chain_itself(connection: Connection, underlying: int) -> None:
    mids = {
        "90": ("11", "1"),
        "95": ("6.8", "1.8"),
        "100": ("3.5", "3.5"),
        "105": ("1.5", "6.5"),
        "110": ("0.5", "10.5"),
    }
    rows = [
        quote(
            AT,
            EXPIRY,
            strike,
            right,
            str(Decimal(mid) - Decimal("0.1")),
            str(Decimal(mid) + Decimal("0.1")),
            underlying=100,
        )
        for strike, sides in mids.items()
        for right, mid in zip(("call", "put"), sides, strict=True)
    ]
    silent = quote(AT, EXPIRY, "99", "call", None, None)
    desk.list_contracts(connection, underlying, [*rows, silent])
    desk.write_quotes(connection, rows)
    process(connection, AT + MINUTE)
    (early,), (found,) = (metrics(connection, underlying, moment) for moment in (AT, AT + MINUTE))
    assert (early["forward"], early["atm_strike"], early["straddle"], early["skew_25d"]) == (None,) * 4
    assert (found["forward"], found["atm_strike"], found["straddle"], found["expected_move"]) == (100, 100, 7, 7)
    stored = connection.execute(
        "SELECT call_iv, abs(call_delta), put_iv, abs(put_delta), (call_iv + put_iv) / 2, strike::int"
        " FROM market.strike_candles ORDER BY strike"
    ).fetchall()
    assert found["atm_iv"] == next(row[4] for row in stored if row[5] == 100)
    call = interpolated([row[:2] for row in stored])
    put = interpolated([row[2:4] for row in reversed(stored)])
    assert found["skew_25d"] == pytest.approx(put - call, rel=1e-12)


def test_one_expiry_is_what_it_is_among_all(connection: Connection, underlying: int) -> None:
    rows = [
        quote(AT, expiry, strike, right, "2", "2.2", underlying=100)
        for expiry in (EXPIRY, "2026-04-17") for strike in ("95", "100", "105") for right in ("call", "put")
    ]  # fmt: skip
    desk.list_contracts(connection, underlying, rows)
    desk.write_quotes(connection, rows)
    desk.write_candles(connection, [trade("100", "call", 30), trade("95", "put", 5, "2026-04-17")])
    process(connection, AT + MINUTE)
    moments = [AT + MINUTE, AT]
    cursor = connection.cursor(row_factory=dict_row)
    wanted = metrics(connection, underlying, *moments)
    assert [row["time"] for row in wanted] == [AT, AT, AT + MINUTE, AT + MINUTE]
    for expiry in {row["expires_at"] for row in wanted}:
        query = "SELECT * FROM market.expiry_metrics_at(%s, %s, %s) ORDER BY time"
        found = cursor.execute(query, [underlying, moments, [expiry]]).fetchall()
        assert found == [row for row in wanted if row["expires_at"] == expiry]


def test_the_money_has_the_last_valid_quote_of_a_quarter_of_an_hour(connection: Connection, underlying: int) -> None:
    rows = [quote(AT, EXPIRY, "100", right, "1.9", "2.1", underlying=100) for right in ("call", "put")]
    desk.list_contracts(connection, underlying, rows)
    desk.write_quotes(connection, rows)
    without_ask = [
        quote(AT + late * MINUTE, EXPIRY, "100", "call", "1.9", None, underlying=100) for late in range(1, 20)
    ]
    desk.write_quotes(connection, without_ask)
    desk.write_quotes(
        connection, [quote(AT + late * MINUTE, EXPIRY, "100", "put", "2.3", "2.5") for late in range(1, 20)]
    )
    process(connection, AT + 30 * MINUTE)
    now, later, stale = (metrics(connection, underlying, AT + late * MINUTE)[0] for late in (1, 15, 16))
    assert (now["straddle"], later["straddle"]) == (4, Decimal("4.4"))
    call, put = (
        connection.execute(f"SELECT {side}_iv FROM market.strike_candles WHERE time = %s", [at]).fetchone()  # noqa: S608
        for side, at in (("call", AT), ("put", AT + 14 * MINUTE))
    )
    assert call
    assert put
    assert later["atm_iv"] == (call[0] + put[0]) / 2
    assert (stale["atm_strike"], stale["straddle"], stale["atm_iv"]) == (100, None, None)


def interpolated(outwards: list[tuple[float, float]]) -> float:
    """The volatility at a delta of a quarter, between the first two on either side of it."""
    known = [each for each in outwards if each[0] is not None]
    (iv, delta), (iv_beyond, beyond) = next(pair for pair in pairwise(known) if pair[0][1] >= 0.25 >= pair[1][1])
    return iv + (iv_beyond - iv) * (delta - 0.25) / (delta - beyond)
