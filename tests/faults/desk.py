"""The desk for fault tests: small, with work for every component, and two feeds with holes in them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from psycopg import Connection

from chandlery.gaps.import_candles import import_candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from chandlery.words.window import DAY, HOUR, MINUTE

# Open for half an hour on a few days: the first two are the historical monitor's, the last is the live processor's.
DAYS = [0, 1, 5, 10]
OPENS = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OPEN_MINUTES = 30
KEYS = {"X@A@EQ": "one", "X@B@EQ": "one", "X@C@EQ": "two"}
# A long day before those: enough candles for indicators to have values.
HISTORY = OPENS - 3 * DAY
HISTORY_HOURS = 10


def open_desk(connection: Connection, history: bool = False) -> list[int]:
    """Sessions and instruments; returns their ids."""
    opens = [(OPENS + number * DAY, OPEN_MINUTES * MINUTE) for number in DAYS]
    if history:
        opens.insert(0, (HISTORY, HISTORY_HOURS * HOUR))
    open_hours = tuple(Session(at.date(), at, at + length) for at, length in opens)
    sessions.replace(
        connection, Calendar("NOON", "UTC", open_hours[0].session_date, open_hours[-1].session_date, open_hours)
    )
    for key, feed in KEYS.items():
        instruments.add(connection, key, "NOON", feed)
    return [instruments.find(connection, key).instrument_id for key in KEYS]


def history_columns(offset: int = 0) -> CandleColumns:
    """Somebody's candles of the long day."""
    times = [HISTORY + minute * MINUTE for minute in range(int(HISTORY_HOURS * 60))]
    prices = [Decimal(100 + offset + minute * 7 % 31) for minute in range(len(times))]
    some: list[Decimal | None] = [None] * len(times)
    return CandleColumns(
        times, prices, prices, prices, prices, [Decimal(5)] * len(times), list(some), [None] * len(times)
    )


def list_options(connection: Connection) -> None:
    """Contracts of the third instrument: a strike of two expiries, both sides."""
    connection.execute(
        """
        WITH named AS (
            SELECT weeks, side, format('OPRA@C%%s%%s@OPTION', weeks, side) AS key
            FROM generate_series(1, 2) AS weeks, unnest(ARRAY['call', 'put']) AS side
        ), listed AS (
            INSERT INTO market.instruments (instrument_key, calendar, feed)
            SELECT key, 'NOON', 'options' FROM named ORDER BY key RETURNING instrument_id, instrument_key
        )
        INSERT INTO market.option_contracts
        SELECT
            listed.instrument_id, 3, (%(opens)s::timestamptz + weeks * INTERVAL '3 weeks')::date,
            %(opens)s::timestamptz + weeks * INTERVAL '3 weeks', 104, side, '', 100, 'american', 'black_scholes_merton',
            'USD'
        FROM named JOIN listed ON listed.instrument_key = named.key
        """,
        {"opens": OPENS},
    )


def write_quotes(connection: Connection, where: str) -> None:
    """A quote every minute of the last day that `where` names, and open interest before and in it."""
    connection.execute(
        f"""
        INSERT INTO market.option_quotes (instrument_id, time, bid, ask)
        SELECT
            c.instrument_id, %s::timestamptz + INTERVAL '10 days' + m * INTERVAL '1 minute', 2 + mod(m, 5),
            3 + mod(m, 5)
        FROM market.option_contracts AS c, generate_series(0, %s) AS m
        WHERE mod(m + c.instrument_id, 3) > 0 AND {where}
        """,  # noqa: S608  # our own words
        [OPENS, OPEN_MINUTES - 1],
    )


def write_history(connection: Connection) -> None:
    """Have the first instrument's candles of the long day."""
    import_candles(connection, 1, [history_columns()])


def write_ticks(connection: Connection, where: str, seq: int = 0) -> None:
    """A tick each 15 seconds of every session, for the instruments (i), days (d) and minutes (m) that `where` names."""
    connection.execute(
        f"""
        INSERT INTO market.ticks (time, instrument_id, seq, price, size)
        SELECT
            %s::timestamptz + d * INTERVAL '1 day' + m * INTERVAL '1 minute' + s * INTERVAL '1 second',
            i, %s, 100 + mod(d * 7 + m * 3 + s + i + %s, 10), 1
        FROM unnest(%s::integer[]) d, generate_series(0, %s) m, generate_series(0, 45, 15) s, generate_series(1, 3) i
        WHERE {where} ON CONFLICT DO NOTHING
        """,  # noqa: S608  # our own words
        [OPENS, seq, seq, DAYS, OPEN_MINUTES - 1],
    )


def write_first(connection: Connection, where: str = "true") -> None:
    """All but: an instrument's lost subscription, a feed's outage, and minutes that are late."""
    write_ticks(
        connection,
        "NOT (i = 2 AND m BETWEEN 5 AND 9) AND NOT (i = 3 AND d IN (1, 5) AND m > 20) AND mod(d + m, 6) > 0"
        f" AND {where}",
    )


# What happens during runs; each is a transaction, and in any order they end in the same ticks.
CHANGES: Sequence[Callable[[Connection], object]] = (
    lambda connection: write_ticks(connection, "mod(d + m, 6) = 0 AND i = 1 AND m <> 4"),
    lambda connection: write_ticks(connection, "mod(d + m, 6) = 0 AND i = 3 AND m BETWEEN 4 AND 14"),
    lambda connection: write_ticks(connection, "mod(m, 7) = 1 AND i <> 2", seq=1),
    lambda connection: connection.execute(
        "UPDATE market.ticks SET cancelled = true WHERE instrument_id = 3 AND seq = 0"
        " AND date_part('minute', time) IN (2, 3) AND date_part('second', time) IN (15, 30)"
    ),
    lambda connection: connection.execute(
        "DELETE FROM market.ticks WHERE instrument_id = 1 AND seq = 0 AND date_part('minute', time) = 4"
    ),
    lambda connection: connection.execute(
        "UPDATE market.ticks SET price = 50 WHERE instrument_id = 2 AND date_part('minute', time) = 12"
    ),
)
