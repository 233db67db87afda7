"""The option processor: cases that are known by hand, and whatever comes late, is corrected or cancelled."""

import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import log
from typing import Any

import pytest
from psycopg import Connection

from chandlery.words.window import MINUTE
from functions.option_processor import handler
from tests.conftest import REPO
from tests.faults.components import Context
from tests.integration.options import option_desk as desk
from tests.integration.options.option_desk import (
    CLOSES,
    OPENS,
    Row,
    assert_newest_are_the_last,
    process,
    quote,
    strikes_of,
)

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
LATER = AT + 30 * MINUTE


@pytest.fixture
def underlying(connection: Connection) -> int:
    return desk.open_underlying(connection, OPENS, CLOSES)


def write(connection: Connection, underlying: int, rows: Sequence[Row], **listed: Any) -> None:
    desk.list_contracts(connection, underlying, rows, **listed)
    desk.write_quotes(connection, rows)


def test_what_is_no_quote_has_no_say(connection: Connection, underlying: int) -> None:
    said: dict[str, list[tuple[str | None, str]]] = {
        "call": [("0", "0"), ("2.60", "1.90"), (None, "0.05"), ("1.98", "2.02")],
        "put": [("1.98", "2.02")],
    }
    rows = [
        quote(AT + timedelta(seconds=5 + 15 * place), "2026-04-17", "50", right, bid, ask, underlying=50)
        for right, quotes in said.items()
        for place, (bid, ask) in enumerate(quotes)
    ]
    write(connection, underlying, rows[:3], model="black_76")
    process(connection, LATER)
    assert strikes_of(connection, "call_mid, call_iv_status, call_iv, call_delta, call_bid, call_ask") == [
        (None, "no_quote", None, None, None, Decimal("0.05"))
    ]
    write(connection, underlying, rows[3:], model="black_76")
    process(connection, LATER)
    columns = "call_iv, put_iv, call_delta, put_delta, call_iv_status, put_iv_status, call_mid, revision"
    ((call_iv, put_iv, call_delta, put_delta, *rest),) = strikes_of(connection, columns)
    assert (call_iv, put_iv) == (pytest.approx(0.2819, abs=5e-5),) * 2
    assert (call_delta, put_delta) == (pytest.approx(0.52, abs=5e-3), pytest.approx(-0.48, abs=5e-3))
    assert rest == ["ok", "ok", 2, 1]


def test_places_are_those_of_the_listed_ladder_seen_from_the_forward(connection: Connection, underlying: int) -> None:
    mids = {
        "90": ("13.25", "2.00"), "95": ("8.25", "2.00"), "100": ("3.25", "2.00"), "102.5": ("2.00", "3.25"),
        "105": ("2.00", "5.75"), "110": ("2.00", "10.75"), "120": ("2.00", "20.75"),
    }  # fmt: skip
    half = Decimal("0.05")
    rows = [
        quote(AT, "2026-04-17", strike, right, str(Decimal(mid) - half), str(Decimal(mid) + half), underlying=102)
        for strike, sides in mids.items()
        for right, mid in zip(("call", "put"), sides, strict=True)
    ]
    silent = quote(AT, "2026-04-17", "97.5", "call", None, None)
    desk.list_contracts(connection, underlying, [silent, silent | {"right": "put"}])
    write(connection, underlying, rows)
    process(connection, LATER)
    found = {str(strike): rest for strike, *rest in strikes_of(connection, "strike, rank, moneyness, forward")}
    assert {strike: rank for strike, (rank, _, _) in found.items()} == {
        "90": -3, "95": -2, "100": 0, "102.5": 1, "105": 2, "110": 3, "120": 4,
    }  # fmt: skip
    assert found["102.5"][1:] == [pytest.approx(log(102.5 / 101.25)), 101.25]


def test_a_price_is_held_against_the_forward_and_below_it_there_is_no_volatility(
    connection: Connection, underlying: int
) -> None:
    mids = {
        ("4100", "call"): "291.97", ("4100", "put"): "242.24", ("4150", "call"): "267.99", ("4150", "put"): "267.99",
        ("4200", "call"): "245.46", ("4200", "put"): "295.19", ("2600", "call"): "1500", ("5600", "put"): "1455",
    }  # fmt: skip
    days = 200 + 4 / 24
    rate = -log(0.9946) * 365 / days
    connection.execute("INSERT INTO market.rates VALUES ('USD', %s, 200, %s)", [OPENS, rate])
    rows = [
        quote(AT, "2026-09-18", strike, right, str(Decimal(mid) - 1), str(Decimal(mid) + 1), underlying=4130)
        for (strike, right), mid in mids.items()
    ]
    write(connection, underlying, rows, model="black_76")
    process(connection, LATER)
    found = {
        int(strike): rest
        for strike, *rest in strikes_of(
            connection, "strike, call_iv_status, put_iv_status, call_iv, put_iv, call_delta, put_delta, forward"
        )
    }
    assert found[2600] == ["below_intrinsic", None, None, None, None, None, 4150.0]
    assert found[5600][1::2] == ["ok", pytest.approx(0.2298, abs=2e-4), pytest.approx(-0.948, abs=1e-3)]
    assert [iv for strike in (4100, 4150, 4200) for iv in found[strike][2:4]] == [pytest.approx(0.22, abs=1e-4)] * 6


def test_the_last_minute_of_a_contract_and_those_after_it(connection: Connection, underlying: int) -> None:
    ends = datetime(2026, 3, 20, 20, 0, tzinfo=UTC)
    rows = [
        quote(ends + late * MINUTE, "2026-03-20", "100", right, *prices, underlying=Decimal("100.05"))
        for late in (-1, 0, 1)
        for right, prices in (("call", ("0.08", "0.12")), ("put", ("0.03", "0.07")))
    ]
    rows += [
        quote(ends - MINUTE, "2026-03-27", "100", right, *prices, underlying=Decimal("100.05"))
        for right, prices in (("call", ("1.48", "1.52")), ("put", ("1.43", "1.47")))
    ]
    write(connection, underlying, rows)
    process(connection, ends + 30 * MINUTE)
    columns = "call_iv_status, put_iv_status, call_iv, put_iv, call_delta, call_gamma, call_theta, call_vega"
    last, week, *expired = strikes_of(connection, columns)
    assert last[:5] == ("ok", "ok", *[pytest.approx(1.3129, abs=1e-4)] * 2, pytest.approx(0.6091, abs=1e-4))
    assert week[:4] == ("ok", "ok", *[pytest.approx(0.2669, abs=1e-4)] * 2)
    assert expired == [("expired", "expired", *[None] * 6)] * 2


def test_open_interest_is_that_of_its_last_publication_by_then(connection: Connection, underlying: int) -> None:
    third, fourth = (datetime(2026, 3, day, 11, 30, tzinfo=UTC) for day in (3, 4))
    told = [
        {"time": at, "expiry": "2026-03-20", "strike": strike, "right": "call", "open_interest": number}
        for at, strike, number in ((fourth, "100", 300), (third, "100", 900), (third, "105", 0))
    ]
    moments = [datetime(2026, 3, 3, 20, 59, tzinfo=UTC), datetime(2026, 3, 4, 14, 31, tzinfo=UTC)]
    quotes = [quote(at, "2026-03-20", strike, "call", "1", "1.1") for at in moments for strike in ("100", "105")]
    write(connection, underlying, quotes)
    # What was quoted is made before anything is published.
    process(connection, fourth + 600 * MINUTE)
    for each in told:
        desk.write_open_interest(connection, [each])
        process(connection, fourth + 600 * MINUTE)
    found = strikes_of(connection, "time, strike::int, call_oi::int, call_oi_time", "call_quoted_at IS NOT NULL")
    assert found == [
        (moments[0], 100, 900, third), (moments[0], 105, 0, third),
        (moments[1], 100, 300, fourth), (moments[1], 105, 0, third),
    ]  # fmt: skip
    rolled_up = "SELECT call_oi::int, call_oi_time FROM market.strike_candles_1d WHERE strike = 100 ORDER BY time"
    assert connection.execute(rolled_up).fetchall() == [(900, third), (300, fourth)]
    connection.execute("DELETE FROM market.open_interest WHERE time = %s", [fourth])
    process(connection, fourth + 600 * MINUTE)
    assert strikes_of(connection, "call_oi::int", "strike = 100 AND time >= '2026-03-04'") == [(900,)]


def test_twins_of_one_strike_stay_apart(connection: Connection, underlying: int) -> None:
    rows = [
        quote(AT, "2026-12-18", "100", "call", *prices, contract=root)
        for root, prices in (("AMX", ("5.10", "5.30")), ("AMX1", ("1.00", "1.40")))
    ]
    write(connection, underlying, rows)
    process(connection, LATER)
    found = strikes_of(connection, "contract, call_bid, call_ask")
    assert found == [("AMX", Decimal("5.10"), Decimal("5.30")), ("AMX1", Decimal("1.00"), Decimal("1.40"))]


def test_a_quote_counts_for_a_quarter_of_an_hour(connection: Connection, underlying: int) -> None:
    rows = [quote(AT, "2026-04-17", "100", right, "2", "2.2") for right in ("call", "put")]
    rows += [quote(AT + late * MINUTE, "2026-04-17", "100", "put", "2", "2.2") for late in (14, 15)]
    write(connection, underlying, rows)
    process(connection, LATER)
    assert strikes_of(connection, "call_iv_status, call_mid, call_quoted_at") == [
        ("ok", Decimal("2.1"), AT), ("ok", Decimal("2.1"), AT), ("stale", None, None),
    ]  # fmt: skip


def test_the_same_again_writes_nothing(connection: Connection, underlying: int) -> None:
    write(connection, underlying, list(some_quotes()))
    first = process(connection, LATER)
    assert first.candles_written > 0 == first.candles_revised
    stored = strikes_of(connection, "ctid, xmin, revision")
    connection.execute("UPDATE market.option_quotes SET seq = seq")
    again = process(connection, LATER)
    assert (again.candles_written, again.candles_revised, again.candles_deleted, again.changed) == (0, 0, 0, False)
    assert strikes_of(connection, "ctid, xmin, revision") == stored
    assert process(connection, LATER).pieces == 0


def test_a_dry_run_says_what_a_run_writes(
    connection: Connection, underlying: int, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "DATABASE_URL": database_url,
        "OPTION_PIECE_CONTRACTS": "15",
        "OPTION_SETTLE_SECONDS": "0",
    }.items():
        monkeypatch.setenv(name, value)
    write(connection, underlying, list(some_quotes()))
    event = {"scheduled_at": LATER.isoformat()}
    told = handler(event | {"dry_run": True}, Context())
    assert strikes_of(connection, "time") == []
    done = handler(event, Context())
    handler.sandbox.close()
    assert told == {"dry_run": True} | done
    assert done["candles_written"] == len(strikes_of(connection, "time")) > 0
    assert (done["pieces"] > 1, done["pieces_left"]) == (True, 0)


def some_quotes(seed: int = 7) -> Iterator[dict[str, Any]]:
    """Half an hour of quotes of two expiries, five strikes each, as they come: none a minute, one or several."""
    chance = random.Random(seed)
    for minute in range(30):
        for expiry in ("2026-03-06", "2026-03-13"):
            for strike in ("95", "97.5", "100", "105", "110"):
                for right in ("call", "put"):
                    for _ in range(chance.choice((0, 0, 1, 1, 2))):
                        at = AT + minute * MINUTE + timedelta(seconds=chance.randrange(60))
                        lead = 100 - float(strike) if right == "call" else float(strike) - 100
                        price = max(lead, 0) + chance.uniform(0.2, 2)
                        bid = chance.choice([None, "0", *[f"{price:.2f}"] * 8])
                        said = {"open_interest": 5, "iv": 0.25} if chance.random() < 0.2 else {}
                        spot = Decimal("100.25") if chance.random() < 0.5 else None
                        seq = chance.randrange(1_000_000)
                        yield quote(
                            at, expiry, strike, right, bid, f"{price + 0.1:.2f}", underlying=spot, seq=seq, **said
                        )


def some_candles(seed: int = 8) -> list[dict[str, Any]]:
    """Trades of some of those contracts."""
    chance = random.Random(seed)
    return [
        {
            "time": AT + chance.randrange(30) * MINUTE, "expiry": "2026-03-06", "strike": strike, "right": right,
            "open": 1, "high": 3, "low": 1, "close": 2, "volume": chance.randrange(1, 9),
        }
        for strike in ("95", "97.5", "100") for right in ("call", "put")
    ]  # fmt: skip


@pytest.mark.sampled(every=8)
@pytest.mark.parametrize("seed", range(8))
def test_in_any_order_and_in_any_parts_it_comes_to_the_same(connection: Connection, underlying: int, seed: int) -> None:
    """All that is sent, shuffled, late, corrected, cancelled; runs that stop half way."""
    chance = random.Random(seed)
    rows, candles = list(some_quotes(seed)), some_candles(seed)
    desk.list_contracts(connection, underlying, rows)
    closes = [
        {"time": AT + minute * MINUTE, **dict.fromkeys(("open", "high", "low", "close"), 100), "volume": 1}
        for minute in (3, 9, 28)
    ]
    told = [
        {
            "time": AT + late * MINUTE,
            "expiry": "2026-03-13",
            "strike": "100",
            "right": "put",
            "open_interest": 300 + late,
        }
        for late in (-200, 4, 12)
    ]
    chance.shuffle(rows)
    work: list[Any] = [lambda each=each: desk.write_quotes(connection, each) for each in _parts(chance, rows, 6)]
    work += [
        lambda: desk.write_candles(connection, candles),
        lambda: desk.write_candles(connection, closes, underlying),
    ]
    work += [lambda each=each: desk.write_open_interest(connection, [each]) for each in told]
    chance.shuffle(work)
    corrected = [row | {"bid": Decimal("0.5"), "ask": Decimal("0.6")} for row in rows[:20]]
    work += [
        lambda: desk.write_quotes(connection, corrected),
        lambda: desk.write_quotes(connection, [row | {"cancelled": True} for row in rows[20:60]]),
        lambda: connection.execute("DELETE FROM market.candles WHERE instrument_id <> %s AND volume > 4", [underlying]),
        lambda: connection.execute(
            "UPDATE market.candles SET close = 99, low = 99 WHERE instrument_id = %s", [underlying]
        ),
        lambda: connection.execute("UPDATE market.open_interest SET open_interest = 77 WHERE open_interest = 304"),
    ]
    for step in work:
        step()
        stops = iter([True] * chance.randrange(4))
        process(connection, LATER + 300 * MINUTE, piece_contracts=60, has_time=lambda stops=stops: next(stops, False))
    process(connection, LATER + 300 * MINUTE, piece_contracts=60)
    desk.assert_as_folded(connection, underlying)
    assert_newest_are_the_last(connection)


def _parts(chance: random.Random, rows: Sequence[Row], number: int) -> Iterator[Sequence[Row]]:
    cuts = sorted(chance.sample(range(1, len(rows)), number - 1))
    yield from (rows[start:end] for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True))


def test_nothing_is_left_of_a_minute_whose_quotes_were_all_cancelled(connection: Connection, underlying: int) -> None:
    rows = [quote(AT + late * MINUTE, "2026-04-17", "100", "call", "2", "2.2") for late in (0, 1)]
    write(connection, underlying, rows)
    process(connection, LATER)
    desk.write_quotes(connection, [rows[1] | {"cancelled": True}])
    assert process(connection, LATER).candles_deleted == 1
    assert strikes_of(connection, "time") == [(AT,)]
    assert_newest_are_the_last(connection)


def test_minutes_whose_quotes_retention_has_dropped_stay_as_they_are(connection: Connection, underlying: int) -> None:
    write(connection, underlying, [quote(AT, "2026-04-17", "100", "call", "2", "2.2")])
    process(connection, LATER)
    before = strikes_of(connection, "*")
    connection.execute(
        "INSERT INTO market.drops (table_name, starts, ends) VALUES ('option_quotes', %s, %s)", [AT, LATER]
    )
    connection.execute("TRUNCATE market.option_quotes")
    candle = {"time": AT, "open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}
    desk.write_candles(connection, [candle | {"expiry": "2026-04-17", "strike": "100", "right": "call"}])
    assert process(connection, LATER).pieces == 1
    assert strikes_of(connection, "*") == before


def test_there_is_an_index_by_strike_and_one_by_rank(connection: Connection, underlying: int) -> None:
    write(connection, underlying, list(some_quotes()))
    process(connection, LATER)
    by_strike = "instrument_id = 1 AND expires_at = %(ends)s AND strike = 100 AND contract = ''"
    by_rank = "instrument_id = 1 AND expires_at = %(ends)s AND rank = 0"
    found = {}
    for name, where in (("strike", by_strike), ("rank", by_rank)):
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
            query = f"EXPLAIN SELECT * FROM market.strike_candles WHERE {where} ORDER BY time"  # noqa: S608
            found[name] = str(connection.execute(query, {"ends": desk.expires_at("2026-03-06")}).fetchall())
    assert "strike_candles_pkey" in found["strike"]
    assert "strike_candles_rank_idx" in found["rank"]


def test_no_numpy_where_there_is_nothing_to_compute() -> None:
    code = "import sys, functions.option_processor; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPO, check=False).returncode == 0
