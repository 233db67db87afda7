"""Pages of candles, and candles with holes to read them of."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from psycopg import Connection

from chandlery.reading.read_candles import Candle, CandlePage, CandleQuery, read_candles
from chandlery.reference.store import instruments
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import MINUTE
from tests.plain_derived import Minute

KEY = "X@Ä漢@EQ"
STRETCHES = [
    ("XNYS", date(2024, 11, 27), date(2024, 12, 3)),  # a holiday, half a day, the end of a month
    ("CMES", date(2024, 3, 7), date(2024, 3, 12)),  # sessions over midnight UTC; summer time begins
    ("XTKS", date(2024, 3, 27), date(2024, 4, 2)),  # lunch breaks
]


def query(timeframe: str, **values: object) -> CandleQuery:
    return replace(CandleQuery(Timeframe(timeframe), limit=1000), **values)  # type: ignore[arg-type]


def read(connection: Connection, asked: CandleQuery, at: datetime, key: str = KEY) -> CandlePage:
    return read_candles(connection, instruments.find(connection, key), asked, at)


def some_minutes(first: datetime, last: datetime) -> Sequence[Minute]:
    """Candles here and there, with holes of hours."""
    return [
        Minute(
            first + n * MINUTE,
            Decimal(10 + n % 7),
            Decimal(20),
            Decimal(9),
            Decimal(10 + n % 5),
            Decimal(n % 4),
            Decimal(7 * n),
            1 + n % 3,
            partial=n % 55 == 0,
        )
        for n in range(0, (last - first) // MINUTE, 5)
        if n // 300 % 3
    ]


def walk(connection: Connection, asked: CandleQuery, at: datetime) -> list[Candle]:
    """All pages, in the order of time."""
    rows: list[Candle] = []
    for _ in range(2000):
        page = read(connection, asked, at)
        assert asked.limit is not None
        assert len(page.candles) <= asked.limit
        rows = [*rows, *page.candles] if asked.starts else [*page.candles, *rows]
        if page.next_cursor is None:
            return rows
        assert len(page.candles) == asked.limit
        asked = replace(asked, cursor=page.next_cursor)
    raise AssertionError("pages without end")
