"""Setting the scene for the historical gap monitor: a market of an hour a day, a vendor, and what the ledger holds."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from psycopg import Connection

from chandlery.gaps import watch_historical_gaps
from chandlery.gaps.watch_historical_gaps import HistoricalGapReport
from chandlery.gaps.watch_live_gaps import LiveGapReport, watch_live_gaps
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from chandlery.vendors.domain.vendor import Vendor
from chandlery.vendors.polygon import Polygon
from chandlery.words.window import DAY, HOUR, WEEK
from tests.integration.market import MINUTE, always
from tests.vendor_server import VendorServer, bar

# A desk whose market is open for an hour a day, from Monday to Friday.
NOW = datetime(2026, 3, 18, 2, tzinfo=UTC)  # a Wednesday
BEYOND = NOW - WEEK
FIRST = date(2026, 3, 2)  # a Monday
A_KEY, B_KEY = "X@A@EQ", "X@B@EQ"

Row = tuple[Any, ...]


def open_hour(day: int) -> datetime:
    """When the market opens on a day of March 2026."""
    return datetime(2026, 3, day, 14, tzinfo=UTC)


def minutes(starts: datetime, count: int = 60) -> list[datetime]:
    return [starts + n * MINUTE for n in range(count)]


def keep_market(connection: Connection, first: date, last: date, hours: int = 1) -> None:
    days = [first + n * DAY for n in range((last - first).days + 1)]
    opens = [datetime(day.year, day.month, day.day, 14, tzinfo=UTC) for day in days if day.weekday() < 5]
    open_hours = tuple(Session(at.date(), at, at + hours * HOUR) for at in opens)
    sessions.replace(connection, Calendar("HOUR", "UTC", first, last, open_hours))


def fill(
    connection: Connection,
    instrument_id: int,
    *,
    first: date = FIRST,
    missing: Collection[datetime] = (),
    partial: Collection[datetime] = (),
) -> None:
    """Candles of the live processor in every open minute up to NOW but the missing ones; they leave no dirty mark."""
    connection.execute(
        "INSERT INTO market.candles (instrument_id, time, open, high, low, close, volume, turnover, trades, partial,"
        " session_date, extended, source, version)"
        " SELECT %(id)s, minute, 10, 10, 10, 10, 5, 50, 5, minute = ANY (%(partial)s), s.session_date, false,"
        " 'live_aggregated', extract(epoch FROM minute) * 1000"
        " FROM market.sessions AS s"
        " CROSS JOIN generate_series(s.opens_at, s.closes_at - INTERVAL '1 minute', INTERVAL '1 minute') AS minute"
        " WHERE s.session_date >= %(first)s AND minute < %(now)s AND minute <> ALL (%(missing)s)"
        " ON CONFLICT DO NOTHING",
        {"id": instrument_id, "first": first, "now": NOW, "missing": list(missing), "partial": list(partial)},
    )


@pytest.fixture
def desk(connection: Connection) -> Connection:
    """Instruments A and B of one feed, both with a ticker; B lacks nothing."""
    set_scene(connection)
    return connection


def set_scene(connection: Connection) -> None:
    keep_market(connection, date(2025, 12, 1), date(2026, 4, 30))
    for key, ticker in ((A_KEY, "A"), (B_KEY, "B")):
        instruments.add(connection, key, "HOUR", "test", tickers={"polygon": ticker})
    fill(connection, 2)


@pytest.fixture
def vendor() -> Iterator[VendorServer]:
    with VendorServer() as server:
        server.give("A")
        server.give("B")
        yield server


def give(vendor: VendorServer, ticker: str, times: Sequence[datetime]) -> None:
    vendor.give(ticker, *(bar(time, o=20, h=22, l=19, c=21, v=3, vw=20.5, n=2) for time in times))


def asked(vendor: VendorServer) -> list[tuple[str, str]]:
    """Ticker and day of each request."""
    paths = [request.path.split("/") for request in vendor.requests]
    return [(path[4], datetime.fromtimestamp(int(path[8]) / 1000, UTC).strftime("%m-%d")) for path in paths]


def patient(vendor: VendorServer, key: str | None = None) -> Vendor:
    slept: list[float] = []
    return Polygon(vendor.url, key or vendor.key, deadline_seconds=5, sleep=slept.append)


def monitor(
    connection: Connection,
    vendor: VendorServer | None,
    at: datetime = NOW,
    open_vendor: Callable[[], Vendor | None] | None = None,
    **limits: Any,
) -> HistoricalGapReport:
    settings: dict[str, Any] = {
        "piece_candles": 20_000,
        "verify_buckets": 0,
        "share_instruments": 1000,
        "most_vendor_days": 500,
        "has_time": always,
    }
    opened = open_vendor or (lambda: patient(vendor) if vendor else None)
    return watch_historical_gaps.watch_historical_gaps(connection, at, open_vendor=opened, **(settings | limits))


def monitor_live(connection: Connection, at: datetime) -> LiveGapReport:
    return watch_live_gaps(
        connection, at, piece_candles=20_000, verify_buckets=0, share_instruments=1000, has_time=always
    )


def open_gaps(connection: Connection) -> list[Row]:
    return connection.execute(
        "SELECT instrument_id, starts, ends, reason::text, attempts FROM market.gaps WHERE healed_at IS NULL"
        " ORDER BY instrument_id, starts"
    ).fetchall()


def backing_off(connection: Connection) -> list[Row]:
    return connection.execute(
        "SELECT starts, attempts, next_attempt_at, evidence ->> 'said' FROM market.gaps WHERE healed_at IS NULL"
        " AND next_attempt_at IS NOT NULL ORDER BY instrument_id, starts"
    ).fetchall()


def history(connection: Connection) -> list[Row]:
    return connection.execute(
        "SELECT instrument_id, starts, ends, reason::text, healed_from FROM market.gaps WHERE healed_at IS NOT NULL"
        " ORDER BY instrument_id, starts, reason"
    ).fetchall()


def ledger(connection: Connection) -> list[Row]:
    """All of the ledger but its numbering."""
    return connection.execute(
        "SELECT instrument_id, starts, ends, minutes, reason::text, evidence::text, found_at, healed_at, healed_from,"
        " attempts, next_attempt_at FROM market.gaps ORDER BY 1, 2, 3, 5, 6"
    ).fetchall()


def made_by(connection: Connection, times: Collection[datetime], instrument_id: int = 1) -> set[tuple[str, int]]:
    """Source and version of an instrument's candles at these times, all of which are stored."""
    found = connection.execute(
        "SELECT source::text, version FROM market.candles WHERE instrument_id = %s AND time = ANY (%s)",
        [instrument_id, list(times)],
    ).fetchall()
    assert len(found) == len(times)
    return {(source, version) for source, version in found}


VENDORS = ("vendor_historical", 0)
# Time to ask, but not for weeks before the newest.
AT_ONCE: dict[str, Any] = {"has_time": lambda seconds: seconds < 300}
