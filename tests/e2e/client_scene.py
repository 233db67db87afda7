"""The local stack for the client: real minutes of a share, a coin that trades now, an underlying of options."""

import csv
import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.words.window import MINUTE
from local.http_server import serving
from tests.conftest import REPO, empty
from tests.integration.api_scene import AFTER, set_scene, settle
from tests.integration.derived_scene import listed, write
from tests.integration.options.option_desk import CLOSES, OPENS, UNDERLYING, open_underlying
from tests.plain_derived import Minute

README_URL, DAY = "http://127.0.0.1:8000", "2013-10-07"
PAGED, OTHER = "X@PAGED@SPOT", "X@B,C/D@SPOT"
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
CLIENT = REPO / "client"
_PRICES = ("open", "high", "low", "close", "volume")
_QUIET = {"POWERTOOLS_LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"}


def real_minutes(folder: Path) -> list[Minute]:
    """A day of IBM, with digits of turnover that no double has."""
    with gzip.open(folder / "us-candles-1m" / "IBM.csv.gz", "rt") as text:
        rows = [row for row in csv.DictReader(text) if row["time"].startswith(DAY)]
    return [_minute(datetime.fromisoformat(row["time"]), *(Decimal(row[name]) for name in _PRICES)) for row in rows]


def _minute(time: datetime, opened: Decimal, high: Decimal, low: Decimal, close: Decimal, volume: Decimal) -> Minute:
    return Minute(time, opened, high, low, close, volume, volume * (high + low + close) / 3, 7)


def minute(time: datetime, price: str = "10") -> Minute:
    """A candle of one price."""
    number = Decimal(price)
    return _minute(time, number, number, number, number, Decimal(3))


@contextmanager
def client_stack(url: str, folder: Path) -> Iterator[str]:
    """The stack on a database, and where it answers."""
    with connect(Settings(database_url=url), "test") as connection:
        empty(connection)
        set_scene(connection, datetime.now(UTC))
        write(connection, 1, real_minutes(folder))
        paged, other = listed(connection, "24/7", TEN.date(), (TEN + timedelta(days=2)).date(), PAGED, OTHER)
        for number, places in ((paged, (0, 2, 3, 4, 5)), (other, (0, 2, 3))):
            write(connection, number, [minute(TEN + place * MINUTE) for place in places])
        open_underlying(connection, OPENS, CLOSES, UNDERLYING)
        settle(connection, AFTER)
    with serving(0, 2, os.environ | {"DATABASE_URL": url} | _QUIET) as address:
        yield address
