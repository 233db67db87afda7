"""Setting the scene: an underlying and its contracts; quotes, trades and open interest in, strike candles out."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from math import isclose
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import dict_row

from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.options.aggregate_strikes import StrikesReport, aggregate_strikes
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from chandlery.words.window import DAY
from tests.integration.market import always, put_candles
from tests.plain_strikes import Listed, Told, fold

NEW_YORK = ZoneInfo("America/New_York")
UNDERLYING = "X@U@EQ"
# Its session.
OPENS = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
CLOSES = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
Row = Mapping[str, Any]
QUOTE = (
    "time", "seq", "bid", "bid_size", "ask", "ask_size", "iv", "delta", "open_interest", "oi_time", "underlying",
    "cancelled",
)  # fmt: skip


def open_underlying(connection: Connection, opens: datetime, closes: datetime, key: str = UNDERLYING) -> int:
    """An underlying with one session; returns its id."""
    session = Session(opens.date(), opens, closes)
    sessions.replace(connection, Calendar("ONE", "America/New_York", opens.date(), opens.date(), (session,)))
    connection.execute("INSERT INTO market.feeds VALUES ('test', 60) ON CONFLICT DO NOTHING")
    instruments.add(connection, key, "ONE", "test")
    return instruments.find(connection, key).instrument_id


def expires_at(expiry: str, closes: time = time(16)) -> datetime:
    """When New York's session of a day closes."""
    return datetime.combine(datetime.fromisoformat(expiry).date(), closes, NEW_YORK).astimezone(UTC)


def list_contracts(
    connection: Connection,
    underlying_id: int,
    rows: Iterable[Row],
    closes: Mapping[str, time] | None = None,
    model: str = "black_scholes_merton",
) -> None:
    """The contracts that rows are of (expiry, strike, right, contract), each once."""
    listed = sorted({_contract(row) for row in rows})
    keys = [f"OPRA@U{root}-{expiry}-{side[0]}-{strike}@OPTION" for expiry, strike, side, root in listed]
    connection.execute(
        "INSERT INTO market.instruments (instrument_key, calendar, feed)"
        " SELECT key, calendar, 'test' FROM market.instruments CROSS JOIN unnest(%s::text[]) AS key"
        " WHERE instrument_id = %s ON CONFLICT DO NOTHING",
        [keys, underlying_id],
    )
    expiries, strikes, sides, roots = map(list, zip(*listed, strict=True))
    ends = [expires_at(expiry, (closes or {}).get(expiry, time(16))) for expiry in expiries]
    connection.execute(
        "INSERT INTO market.option_contracts (instrument_id, underlying_id, expiry, expires_at, strike, side, contract,"
        " multiplier, style, model, currency)"
        " SELECT n.instrument_id, %s, c.expiry, c.ends, c.strike, c.side, c.root, 100, 'american', %s, 'USD'"
        " FROM unnest(%s::text[], %s::date[], %s::timestamptz[], %s::numeric[], %s::text[], %s::text[])"
        " AS c (key, expiry, ends, strike, side, root)"
        " JOIN market.instruments AS n ON n.instrument_key = c.key ON CONFLICT DO NOTHING",
        [underlying_id, model, keys, expiries, ends, strikes, sides, roots],
    )


def _contract(row: Row) -> tuple[str, Decimal, str, str]:
    return row["expiry"], Decimal(row["strike"]).normalize(), row["right"], row.get("contract", "")


def _ids(connection: Connection, rows: Sequence[Row]) -> list[int]:
    found = {
        (expiry.isoformat(), strike.normalize(), side, root): instrument_id
        for expiry, strike, side, root, instrument_id in connection.execute(
            "SELECT expiry, strike, side, contract, instrument_id FROM market.option_contracts"
        )
    }
    return [found[_contract(row)] for row in rows]


def quote(
    at: datetime, expiry: str, strike: str, right: str, bid: str | None, ask: str | None, **more: Any
) -> dict[str, Any]:
    """A quote as a feed writes it."""
    prices = {"bid": Decimal(bid) if bid else None, "ask": Decimal(ask) if ask else None}
    return {"time": at, "expiry": expiry, "strike": strike, "right": right, **prices, **more}


def write_quotes(connection: Connection, rows: Sequence[Row]) -> None:
    """Plain SQL, as a feed does it; a stored key is corrected."""
    names = ("instrument_id", *QUOTE)
    filled = [{name: row.get(name) or None for name in QUOTE} for row in rows]
    for row in filled:
        row["seq"], row["cancelled"] = row["seq"] or 0, bool(row["cancelled"])
    kinds = "int[], timestamptz[], bigint[], numeric[], numeric[], numeric[], numeric[], float8[], float8[], numeric[]"
    places = ", ".join(f"%s::{kind}" for kind in f"{kinds}, timestamptz[], numeric[], boolean[]".split(", "))
    connection.execute(
        f"INSERT INTO market.option_quotes ({', '.join(names)}) SELECT * FROM unnest({places})"  # noqa: S608
        " ON CONFLICT (instrument_id, time, seq) DO UPDATE SET bid = excluded.bid, ask = excluded.ask,"
        " cancelled = excluded.cancelled",
        [_ids(connection, rows), *([row[name] for row in filled] for name in QUOTE)],
    )


def write_open_interest(connection: Connection, rows: Sequence[Row]) -> None:
    """Publications, as they come."""
    connection.execute(
        "INSERT INTO market.open_interest (instrument_id, time, open_interest)"
        " SELECT * FROM unnest(%s::int[], %s::timestamptz[], %s::numeric[])",
        [_ids(connection, rows), [row["time"] for row in rows], [row["open_interest"] for row in rows]],
    )


def write_candles(connection: Connection, rows: Sequence[Row], instrument_id: int | None = None) -> None:
    """Minutes of contracts, or of an instrument, as a vendor's."""
    ids = [instrument_id] * len(rows) if instrument_id else _ids(connection, rows)
    prices = {name: [row[name] for row in rows] for name in ("open", "high", "low", "close", "volume")}
    put_candles(connection, ids, [row["time"] for row in rows], turnover=None, trades=None, **prices)


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a file, as text."""
    given = path.read_bytes()
    text = gzip.decompress(given) if path.suffix == ".gz" else given
    return list(csv.DictReader(text.decode().splitlines()))


def process(connection: Connection, at: datetime, **limits: Any) -> StrikesReport:
    """One run of the option processor."""
    settings: dict[str, Any] = {"piece_contracts": 10_000, "has_time": always}
    return aggregate_strikes(connection, at, **(settings | limits))


def strikes_of(connection: Connection, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    """Columns of strike candles, by time and strike."""
    return connection.execute(
        f"SELECT {columns} FROM market.strike_candles WHERE {where} ORDER BY time, expires_at, strike, contract"  # noqa: S608
    ).fetchall()


def a_day_later(at: datetime) -> datetime:
    """Late enough for all of a day."""
    return at + DAY + timedelta(minutes=1)


def told_of(connection: Connection, underlying_id: int, *, rate: float = 0.0, holds_spot: bool = True) -> Told:
    """All that is stored of an underlying's options, as the plain fold takes it."""
    listed = connection.execute(
        "SELECT instrument_id, expires_at, strike, side, contract"
        " FROM market.option_contracts WHERE underlying_id = %s",
        [underlying_id],
    ).fetchall()
    cursor = connection.cursor(row_factory=dict_row)
    quotes: dict[int, list[Row]] = defaultdict(list)
    trades: dict[int, dict[datetime, Row]] = defaultdict(dict)
    published: dict[int, dict[datetime, Decimal]] = defaultdict(dict)
    for row in cursor.execute("SELECT * FROM market.option_quotes").fetchall():
        quotes[row["instrument_id"]].append(row)
    for row in cursor.execute("SELECT * FROM market.candles").fetchall():
        trades[row["instrument_id"]][row["time"]] = row
    for row in cursor.execute("SELECT * FROM market.open_interest").fetchall():
        published[row["instrument_id"]][row["time"]] = row["open_interest"]
    closes = {at: candle["close"] for at, candle in trades.pop(underlying_id, {}).items()}
    return Told([Listed(*row) for row in listed], quotes, trades, published, closes, rate, holds_spot)


def assert_as_folded(connection: Connection, underlying_id: int, **terms: Any) -> None:
    """Every strike candle, every column of it, is what the plain fold makes of all that is stored."""
    wanted = fold(told_of(connection, underlying_id, **terms))
    rows = connection.cursor(row_factory=dict_row).execute("SELECT * FROM market.strike_candles").fetchall()
    found = {(row["expires_at"], row["strike"], row["contract"], row["time"]): row for row in rows}
    assert found.keys() == wanted.keys()
    compared = [name for name in STRIKE_CANDLES.columns if name not in _OF_THE_ROW]
    wrong = [
        (key, name, found[key][name], row.get(name))
        for key, row in wanted.items()
        for name in compared
        if not _alike(found[key][name], row.get(name))
    ]
    assert wrong == [], wrong[:10]


_OF_THE_ROW = (*STRIKE_CANDLES.key, "expiry", "source", "version", "revision", "created_at", "updated_at")


def _alike(found: Any, wanted: Any) -> bool:
    """Alike; a volatility as exactly as its price gives it."""
    if isinstance(found, float) and wanted is not None:
        return isclose(found, wanted, rel_tol=1e-5, abs_tol=1e-9)
    return bool(found == wanted)


def assert_newest_are_the_last(connection: Connection) -> None:
    """Of each strike the candle that comes last, as it is stored."""
    columns = ", ".join(STRIKE_CANDLES.columns)
    last = f"SELECT DISTINCT ON (expires_at, strike, contract) {columns} FROM market.strike_candles"  # noqa: S608
    ordered = "ORDER BY expires_at, strike, contract"
    wanted = connection.execute(f"{last} {ordered}, time DESC").fetchall()
    assert connection.execute(f"SELECT {columns} FROM market.newest_strikes {ordered}").fetchall() == wanted != []  # noqa: S608
    last = f"SELECT DISTINCT ON (expires_at, strike, contract) * FROM market.strike_candles_5m {ordered}, time DESC"  # noqa: S608
    found = connection.execute(f"SELECT * FROM market.newest_strikes_5m {ordered}").fetchall()  # noqa: S608
    assert found == connection.execute(last).fetchall()
