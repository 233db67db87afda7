"""The Python client: bytes of an answer to typed candles, and to frames."""

import json
import random
from collections.abc import Callable, Sized
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from time import perf_counter, process_time

from chandlery_client import Candle
from chandlery_client.core.paging import Asked
from chandlery_client.frames import to_pandas, to_polars

CANDLES, ROUNDS = 10_000, 15


def answered() -> bytes:
    """A page as the API answers it with numbers=text: prices with digits as they come."""
    chance, starts = random.Random(7), datetime(2026, 3, 2, tzinfo=UTC)

    def price() -> str:
        return f"{chance.uniform(100, 200):.4f}"

    rows = [
        {
            "time": f"{starts + timedelta(minutes=number):%Y-%m-%dT%H:%M:%SZ}", "open": price(), "high": price(),
            "low": price(), "close": price(), "volume": f"{chance.randrange(1, 100_000)}",
            "vwap": f"{chance.uniform(100, 200):.16f}", "trades": chance.randrange(500), "minutes": 1,
            "expected": None, "closed": True, "partial": False, "filled": False, "price_eligible": True,
            "sources": "live_aggregated", "revision": 0,
        }
        for number in range(CANDLES)
    ]  # fmt: skip
    page = {"instrument_key": "X@A@EQ", "timeframe": "1m", "candles": rows, "next_cursor": None}
    return json.dumps(page, separators=(",", ":")).encode()


def test_p5_client_decodes_candles() -> None:
    body = answered()
    asked = Asked(Candle, "candles", "/api/v1/candles/X@A@EQ", ())
    ways: dict[str, Callable[[], Sized]] = {
        "typed candles": lambda: asked.page(body).rows,
        "polars": lambda: to_polars(Candle, asked.plain.page(body).rows, "exact"),
        "pandas": lambda: to_pandas(Candle, asked.plain.page(body).rows, "exact"),
    }
    assert asked.page(body).rows[-1].close == Decimal(json.loads(body)["candles"][-1]["close"])
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            wall, used = perf_counter(), process_time()
            found = way()
            times[name].append(((perf_counter() - wall) * 1000, (process_time() - used) * 1000))
            assert len(found) == CANDLES
    figures = (
        f"{name} {median(wall for wall, _ in each):.1f} ms (processor {median(used for _, used in each):.1f} ms)"
        for name, each in times.items()
    )
    print(f"\nclient: {CANDLES:,} candles ({len(body) / 1e6:.1f} MB) from bytes to exact {', '.join(figures)}")
