"""How fast a file of ticks comes in, beside raw binary COPY of the same rows."""

import gzip
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median

from psycopg import Connection

from chandlery.minutes.import_ticks import import_ticks
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.benchmarks.scene import NOON, ON_SERVER, WHERE, list_instruments, seconds

ROWS = 1_000_000 if ON_SERVER else 100_000
ROUNDS = 3
_COPY_IN = """
COPY market.ticks (time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions)
FROM STDIN (FORMAT binary)
"""
# TimescaleDB lets no hypertable be copied out by name.
_COPY_OUT = """
COPY (
    SELECT time, instrument_id, seq, price, size, updates_ohlc, updates_volume, venue, conditions
    FROM market.ticks ORDER BY seq
) TO STDOUT (FORMAT binary)
"""


def test_import_beside_raw_copy(connection: Connection, tmp_path: Path) -> None:
    list_instruments(connection, 1)
    file = _write_file(tmp_path / "ticks.csv.gz")

    def by_import(_: int) -> None:
        with open_tick_file(file) as reader:
            assert import_ticks(connection, 1, tick_lots(iter(reader), 1, lambda: None)).new == ROWS

    if not ON_SERVER:
        taken = median(_emptied(connection, by_import, number) for number in range(ROUNDS))
        print(f"\nimport of {ROWS:,} ticks from CSV.gz, {WHERE}: {ROWS / taken:,.0f} rows/s")
        return
    by_import(0)
    binary = _read_binary(connection)

    def by_copy(_: int) -> None:
        with connection.cursor() as cursor:
            with cursor.copy(_COPY_IN) as copy:
                copy.write(binary)
            assert cursor.rowcount == ROWS

    times: list[list[float]] = [[], []]
    for number in range(ROUNDS):
        for at, way in enumerate((by_import, by_copy)):
            times[at].append(_emptied(connection, way, number))
    ours, raw = (ROWS / median(taken) for taken in times)
    print(
        f"\nimport of {ROWS:,} ticks from CSV.gz, {WHERE}: {ours:,.0f} rows/s; raw binary COPY {raw:,.0f} rows/s;"
        f" ratio {ours / raw:.2f}"
    )


def _emptied(connection: Connection, way: Callable[[int], None], number: int) -> float:
    """How long it takes into an empty table."""
    connection.execute("TRUNCATE market.ticks, market.dirty")
    return seconds(lambda: way(number))


def _write_file(path: Path) -> Path:
    """Ten hours of one instrument's ticks, with every column but the flags."""
    apart = timedelta(hours=10) / ROWS
    with gzip.open(path, "wt", compresslevel=6, newline="") as out:
        out.write("time,seq,price,size,venue\n")
        for number in range(ROWS):
            price, size = 100 + number * 31 % 4999 / 100, 1 + number * 7 % 500
            out.write(f"{(NOON + number * apart).isoformat()},{number},{price:.2f},{size},XNYS\n")
    return path


def _read_binary(connection: Connection) -> bytes:
    """The ticks stored, as binary COPY wants them."""
    with connection.cursor() as cursor, cursor.copy(_COPY_OUT) as copy:
        return b"".join(copy)
