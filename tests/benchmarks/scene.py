"""What the benchmarks share: many instruments, much history, a stopwatch, lines to print."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from psycopg import Connection, sql

from tests.conftest import SERVER_URL

ON_SERVER = SERVER_URL is not None
WHERE = "server" if ON_SERVER else "embedded"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

# Prices and sizes with the digits of real ones, from a few multiplications: loading must not be the benchmark.
_INSERT_TICKS = """
INSERT INTO {table} (time, instrument_id, seq, price, size)
SELECT
    %(starts)s::timestamptz + tick * %(apart)s::interval + i * INTERVAL '20 microseconds', i, tick,
    100 + ((i * 31 + tick * 17) %% 4999) / 100.0, 1 + (i + tick * 7) %% 500
FROM generate_series(0, %(ticks)s - 1) AS tick CROSS JOIN generate_series(1, %(instruments)s) AS i
"""
# Which candles are left out is chance, but the same each time: a hash of instrument and minute.
_INSERT_CANDLES = """
INSERT INTO market.candles (
    instrument_id, time, open, high, low, close, volume, turnover, trades, session_date, extended, source, version
)
SELECT
    i, minute, price, price + 1.25, price - 1.25, price, 1000 + i %% 500, 120000.5, %(trades)s, minute::date, false,
    'live_aggregated', extract(epoch FROM minute) * 1000
FROM generate_series(%(starts)s::timestamptz, %(ends)s::timestamptz - INTERVAL '1 minute', '1 minute') AS minute
CROSS JOIN generate_series(1, %(instruments)s) AS i
CROSS JOIN LATERAL (SELECT 100 + (i * 31 + date_part('minute', minute)::integer * 17) %% 4999 * 0.01 AS price) AS made
WHERE abs(hashint8extended(i * 100000000::bigint + (extract(epoch FROM minute) / 60)::bigint, 0) %% 100000)
    >= %(left_out)s * 100000
"""
_HIDDEN_PAGES = """
SELECT c.relname
FROM unnest(%s::text[]) AS name
JOIN pg_class AS t ON t.oid = format('market.%%I', name)::regclass
LEFT JOIN pg_inherits AS chunk ON chunk.inhparent = t.oid
JOIN pg_class AS c ON c.oid IN (t.oid, chunk.inhrelid)
WHERE c.relallvisible < c.relpages
"""
_LIST_CONTRACTS = """
WITH listed AS (
    INSERT INTO market.instruments (instrument_key, calendar, feed)
    SELECT format('OPRA@S1-%%s-%%s-%%s@OPTION', n, place, side), '24/7', 'bench'
    FROM generate_series(0, %(expiries)s - 1) AS n
    CROSS JOIN generate_series(1, %(strikes)s) AS place
    CROSS JOIN unnest('{call,put}'::text[]) AS side
    RETURNING instrument_id, string_to_array(split_part(instrument_key, '@', 2), '-') AS words
)
INSERT INTO market.option_contracts
SELECT
    instrument_id, 1, expires_at::date, expires_at, 1000 + 5 * (words[3]::integer - %(strikes)s / 2), words[4], '', 100,
    'european', 'black_76', 'USD'
FROM listed
CROSS JOIN LATERAL (SELECT %(first)s::timestamptz + words[2]::integer * INTERVAL '7 days' AS expires_at) AS e
"""


def list_instruments(connection: Connection, count: int) -> None:
    """Instruments 1 … count, which trade around the clock."""
    connection.execute("SET statement_timeout = 0")
    connection.execute("INSERT INTO market.calendars VALUES ('24/7', 'UTC', '2026-02-23', '2026-03-04')")
    connection.execute(
        "INSERT INTO market.sessions SELECT '24/7', day::date, day, day + INTERVAL '1 day'"
        " FROM generate_series('2026-02-23 00:00Z'::timestamptz, '2026-03-04 00:00Z', '1 day') AS day"
    )
    connection.execute(
        "INSERT INTO market.instruments (instrument_key, calendar, feed)"
        " SELECT format('X@S%%s@EQ', i), '24/7', 'bench' FROM generate_series(1, %s) AS i",
        [count],
    )


def vacuum(connection: Connection, *tables: str) -> None:
    """Vacuum tables of the schema market until each page is known to be visible to all, as it is after a quiet hour.

    One pass may leave them as they were: a snapshot held at that moment, by a worker of the server or another
    database's backend, may not see rows just written. Index-only scans would read each of them from the table.
    """
    for _ in range(50):
        connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(_joined(tables)))
        if not connection.execute(_HIDDEN_PAGES, [list(tables)]).fetchall():
            return
        time.sleep(0.1)
    raise TimeoutError(f"a snapshot that somebody holds keeps {', '.join(tables)} from being vacuumed")


def _joined(tables: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier("market", each) for each in tables)


def list_contracts(connection: Connection, expiries: int, strikes: int, first: datetime) -> None:
    """Calls and puts of instrument 1: a ladder in steps of 5 around 1,000, for each of some weeks from the first on."""
    connection.execute(_LIST_CONTRACTS, {"expiries": expiries, "strikes": strikes, "first": first})


def insert_ticks(
    connection: Connection,
    starts: datetime,
    length: timedelta,
    instruments: int,
    ticks: int,
    batches: int = 1,
    table: str = "market.ticks",
) -> None:
    """Insert `ticks` of every instrument over a stretch of time, in order of time, by N statements."""
    values = {"apart": length / ticks, "ticks": ticks // batches, "instruments": instruments}
    statement = sql.SQL(_INSERT_TICKS).format(table=sql.Identifier(*table.split(".")))
    for batch in range(batches):
        connection.execute(statement, values | {"starts": starts + batch * length / batches})


def insert_candles(
    connection: Connection, starts: datetime, ends: datetime, instruments: int, *, trades: int, left_out: float
) -> None:
    """Insert the candles of a stretch of time in its order, but for a share that is left out at random."""
    values = {"starts": starts, "ends": ends, "instruments": instruments, "trades": trades, "left_out": left_out}
    connection.execute(_INSERT_CANDLES, values)


@contextmanager
def unmarked(connection: Connection, table: str) -> Iterator[None]:
    """Meanwhile a table has no triggers that mark: TimescaleDB lets no hypertable's triggers be switched off."""
    triggers = connection.execute(
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE tgrelid = format('market.%%I', %s::text)::regclass AND starts_with(tgname, 'mark_')",
        [table],
    ).fetchall()
    for name, _ in triggers:
        connection.execute(
            sql.SQL("DROP TRIGGER {} ON {}").format(sql.Identifier(name), sql.Identifier("market", table))
        )
    try:
        yield
    finally:
        for _, definition in triggers:
            connection.execute(definition.encode())


@contextmanager
def candles_unindexed(connection: Connection) -> Iterator[None]:
    """Meanwhile market.candles has no primary key; it is built afterwards, which takes half as long."""
    connection.execute("ALTER TABLE market.candles DROP CONSTRAINT candles_pkey")
    try:
        yield
    finally:
        connection.execute("ALTER TABLE market.candles ADD PRIMARY KEY (instrument_id, time)")


def seconds(action: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def backend_seconds(connection: Connection) -> float:
    """Processor time of a connection's backend so far; 0 where the server is on another machine."""
    return process_seconds(connection.info.backend_pid)


def process_seconds(backend: int) -> float:
    """Processor time of a backend so far, by its process; 0 where it is not on this machine."""
    process = Path(f"/proc/{backend}")
    if not (process / "schedstat").exists() or not (process / "comm").read_text().startswith("postgres"):
        return 0.0
    return int((process / "schedstat").read_text().split()[0]) / 1e9


def ended_seconds(connection: Connection) -> float:
    """Processor time of the server's processes that have ended so far, as parallel workers do after each statement."""
    backend = Path(f"/proc/{connection.info.backend_pid}/stat")
    if not process_seconds(connection.info.backend_pid):
        return 0.0
    server = _stat_fields(backend)[1]
    return sum(map(int, _stat_fields(Path(f"/proc/{server}/stat"))[13:15])) / os.sysconf("SC_CLK_TCK")


def _stat_fields(path: Path) -> list[str]:
    """From the state on: values before it may be blank."""
    return path.read_text().rpartition(")")[2].split()


def processor_seconds(connection: Connection, action: Callable[[], object]) -> float:
    """What it takes of the processor, here and in the connection's backend; how long, where that cannot be seen."""
    backend, here = backend_seconds(connection), time.process_time()
    if not backend:
        return seconds(action)
    action()
    return backend_seconds(connection) - backend + time.process_time() - here


def alternate(
    rounds: int, *actions: Callable[[int], object], measure: Callable[[Callable[[], object]], float] = seconds
) -> list[float]:
    """The median seconds of each action over the rounds, every other round in the opposite order."""
    taken: list[list[float]] = [[] for _ in actions]
    for number in range(rounds):
        order = range(len(actions)) if number % 2 else reversed(range(len(actions)))
        for at in order:
            taken[at].append(measure(lambda at=at, number=number: actions[at](number)))  # type: ignore[misc]
    return [median(times) for times in taken]
