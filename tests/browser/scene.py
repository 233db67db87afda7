"""Setting the scene for the page: a desk as of now with a hole of every kind, and servers of the HTTP API on it."""

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from psycopg import Connection
from psycopg.types.json import Json

from chandlery.gaps.watch_live_gaps import watch_live_gaps
from chandlery.reference.store import feeds
from chandlery.words.window import DAY, MINUTE, floor_minute
from local.http_server import serving
from tests.integration.derived_scene import listed, refresh, write
from tests.integration.market import always, keep_at_work
from tests.integration.options.option_desk import list_contracts, process, quote, write_open_interest, write_quotes
from tests.plain_derived import Minute

# The worst of all has a key with a slash in it.
WORST, VENDOR, TINY, CALM = (
    "BINANCE@BTC/USDT@SPOT",
    "BINANCE@ETH/USDT@SPOT",
    "BINANCE@PEPE/USDT@SPOT",
    "KRAKEN@SOL/USD@SPOT",
)
MORE = ("KRAKEN@ADA/USD@SPOT", "COINBASE@BTC/USD@SPOT", "COINBASE@ETH/USD@SPOT", "BINANCE@DOGE/USDT@SPOT")
PRICES: Mapping[str, str] = {
    WORST: "93120.10", VENDOR: "3121.45", TINY: "0.00000241", CALM: "181.337",
    MORE[0]: "0.8412", MORE[1]: "93110.00", MORE[2]: "3120.90", MORE[3]: "0.37125",
}  # fmt: skip
# Minutes before now at which a hole begins, its length, and why it is there.
HOLES = (
    (150, 6, "feed_down"),
    (125, 8, "instrument_silent"),
    (100, 5, "unhealable"),
    (80, 4, "unaggregated"),
)
EXPLAINED, PARTIAL, NOT_JUDGED, REVISED = (60, 5), (45, 4), (90, 20), (30,)
EXPIRY_AHEAD = 30 * DAY
QUIET = {"POWERTOOLS_LOG_LEVEL": "ERROR", "POWERTOOLS_METRICS_DISABLED": "true"}


def walk(first: datetime, count: int, price: str, seed: float = 0.0) -> Iterator[Minute]:
    """Minutes whose prices wander, with as many digits as the price has."""
    start = Decimal(price)
    step = Decimal(1).scaleb(int(start.as_tuple().exponent))

    def at(number: int) -> Decimal:
        moved = (
            math.sin(number / 97 + seed) * 0.011
            + math.sin(number / 23 + seed * 3) * 0.004
            + math.sin(number * 1.7) * 0.0006
        )
        return (start * Decimal(str(round(1 + moved, 9)))).quantize(step)

    for number in range(count):
        opened, close = at(number - 1), at(number)
        wick = start * Decimal("0.0007") * (1 + number % 3)
        high, low = (max(opened, close) + wick).quantize(step), (min(opened, close) - wick).quantize(step)
        volume = Decimal(40 + (number * 37) % 211)
        yield Minute(first + number * MINUTE, opened, high, low, close, volume, volume * close, 3 + number % 9)


def seed(
    connection: Connection,
    at: datetime,
    *,
    minutes: int = 600,
    keys: Sequence[str] = (WORST, VENDOR, TINY, CALM),
    has_holes: bool = True,
) -> None:
    """A healthy desk, but for the holes: nothing is late, silent or failing."""
    now = floor_minute(at)
    first = now - minutes * MINUTE
    ids = dict(zip(keys, listed(connection, "24/7", (first - DAY).date(), (now + 40 * DAY).date(), *keys), strict=True))
    for place, (key, instrument_id) in enumerate(ids.items()):
        walked = list(walk(first, minutes, PRICES[key], place * 1.3))
        write(connection, instrument_id, _as_kept(key, walked, now, has_holes=has_holes))
    look_for_gaps(connection, now)
    if has_holes:
        _name_reasons(connection, ids[WORST], now)
        _forget_judged(connection, ids[CALM])
    refresh(connection, now)
    feeds.set_live(connection, "test", live=False)
    keep_at_work(connection, now)
    connection.execute(
        "UPDATE market.runs SET counts = %s WHERE component = 'live_gap_monitor'",
        [Json({"coverage_24h": 0.9957, "coverage_7d": 0.9979})],
    )


def look_for_gaps(connection: Connection, at: datetime) -> None:
    """As the live gap monitor does."""
    watch_live_gaps(connection, at, piece_candles=20_000, verify_buckets=0, share_instruments=1_000, has_time=always)


def _as_kept(key: str, minutes: Sequence[Minute], now: datetime, *, has_holes: bool) -> Iterable[Minute]:
    def back(each: Minute) -> int:
        return (now - each.time) // MINUTE

    def within(each: Minute, starts: int, length: int) -> bool:
        return starts - length < back(each) <= starts

    if key == VENDOR:
        return [replace(each, source="vendor_historical" if back(each) > 60 else "live_aggregated") for each in minutes]
    if key == CALM and has_holes:
        return [replace(each, source="live_aggregated") for each in minutes if not within(each, *NOT_JUDGED)]
    if key != WORST or not has_holes:
        return [replace(each, source="live_aggregated") for each in minutes]
    lost = [*(hole[:2] for hole in HOLES), EXPLAINED]
    return [
        replace(each, source="live_aggregated", partial=within(each, *PARTIAL))
        for each in minutes
        if not any(within(each, *hole) for hole in lost)
    ]


def _name_reasons(connection: Connection, instrument_id: int, now: datetime) -> None:
    """Reasons come of ticks and feeds, which this desk has none of; silence that is judged and no gap is explained."""
    for starts, _, reason in HOLES:
        connection.execute(
            "UPDATE market.gaps SET reason = %s::market.gap_reason WHERE instrument_id = %s AND starts = %s",
            [reason, instrument_id, now - starts * MINUTE],
        )
    connection.execute(
        "DELETE FROM market.gaps WHERE instrument_id = %s AND starts = %s", [instrument_id, now - EXPLAINED[0] * MINUTE]
    )
    for back in REVISED:
        connection.execute(
            "UPDATE market.candles SET revision = 2 WHERE instrument_id = %s AND time = %s",
            [instrument_id, now - back * MINUTE],
        )


def _forget_judged(connection: Connection, instrument_id: int) -> None:
    """As if its candles had come since gap monitors looked."""
    for table in ("gaps", "judged"):
        connection.execute(f"DELETE FROM market.{table} WHERE instrument_id = %s", [instrument_id])  # noqa: S608


def add_options(connection: Connection, at: datetime) -> None:
    """Options of the worst instrument: a smile, interest on both sides, a strike nobody quotes."""
    now = floor_minute(at)
    expiry = (now + EXPIRY_AHEAD).date().isoformat()
    underlying_id, spot = connection.execute(
        "SELECT c.instrument_id, c.close FROM market.candles AS c JOIN market.instruments AS n USING (instrument_id)"
        " WHERE n.instrument_key = %s ORDER BY c.time DESC LIMIT 1",
        [WORST],
    ).fetchall()[0]
    strikes = [str(strike * 1000) for strike in range(84, 104, 2)]
    rows = [{"expiry": expiry, "strike": strike, "right": right} for strike in strikes for right in ("call", "put")]
    list_contracts(connection, underlying_id, rows)
    quotes = [each for back in range(30, 1, -4) for each in _quotes(now - back * MINUTE, expiry, strikes, float(spot))]
    write_quotes(connection, quotes)
    interest = [
        {**row, "time": now - timedelta(hours=6), "open_interest": Decimal(200 + (place * 97) % 900)}
        for place, row in enumerate(rows)
    ]
    write_open_interest(connection, interest)
    process(connection, now + MINUTE)
    # Minutes that its newest quotes are carried into: nobody processes them here.
    connection.execute("DELETE FROM market.dirty")
    refresh(connection, now)


def _quotes(at: datetime, expiry: str, strikes: Sequence[str], spot: float) -> Iterator[dict[str, object]]:
    years = EXPIRY_AHEAD / timedelta(days=365)
    for strike in strikes[:-1]:
        number = float(strike)
        volatility = 0.42 + 1.8 * math.log(number / spot) ** 2 - 0.12 * math.log(number / spot)
        deviation = volatility * math.sqrt(years)
        first = (math.log(spot / number) + deviation**2 / 2) / deviation
        call = spot * _normal(first) - number * _normal(first - deviation)
        for right, price in (("call", call), ("put", call - spot + number)):
            yield quote(at, expiry, strike, right, f"{max(price - 4, 0.5):.1f}", f"{price + 4:.1f}")


def _normal(value: float) -> float:
    return (1 + math.erf(value / math.sqrt(2))) / 2


@contextmanager
def desk(url: str, *, sandboxes: int = 2, **more: str) -> Iterator[str]:
    """The HTTP API over a database, in processes of its own; yields its address."""
    with serving(0, sandboxes, os.environ | QUIET | {"DATABASE_URL": url} | more) as address:
        yield address
