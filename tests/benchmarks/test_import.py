"""How fast a file of ticks comes in, compared with raw binary COPY of the same rows."""

import csv
import gzip
import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import median

from psycopg import Connection

from chandlery.ingest.domain.record import Record
from chandlery.ingest.ingest_records import ingest_records
from chandlery.minutes.import_ticks import import_ticks
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.benchmarks.scene import NOON, ON_SERVER, WHERE, backend_seconds, list_instruments, seconds

ROWS = 1_000_000 if ON_SERVER else 100_000
ROUNDS = 3
_RECORD_ROWS, _BATCH_RECORDS = 300, 100
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


def test_p2_import_and_raw_copy(connection: Connection, tmp_path: Path) -> None:
    list_instruments(connection, 1)
    file = write_file(tmp_path / "ticks.csv.gz", ROWS)

    def by_import() -> None:
        assert _import(connection, file) == ROWS

    if not ON_SERVER:
        taken = median(_measured(connection, by_import)[0] for _ in range(ROUNDS))
        print(f"import of {ROWS:,} ticks from CSV.gz, {WHERE}: {ROWS / taken:,.0f} rows/s")
        return
    by_import()
    binary = _read_binary(connection)

    def by_copy() -> None:
        with connection.cursor() as cursor:
            with cursor.copy(_COPY_IN) as copy:
                copy.write(binary)
            assert cursor.rowcount == ROWS

    rounds = [(_measured(connection, by_import), _measured(connection, by_copy)) for _ in range(ROUNDS)]
    (ours, our_backend, our_python), (raw, raw_backend, _) = (
        [median(figure) for figure in zip(*way, strict=True)] for way in zip(*rounds, strict=True)
    )
    print(
        f"import of {ROWS:,} ticks from CSV.gz, {WHERE}: {ROWS / ours:,.0f} rows/s; raw binary COPY"
        f" {ROWS / raw:,.0f} rows/s; ratio {raw / ours:.2f}\n"
        f"processor time of the backend: {our_backend:.2f} s and {raw_backend:.2f} s; of Python, which reads the next"
        f" lot meanwhile: {our_python:.2f} s"
    )
    tenth = write_file(tmp_path / "tenth.csv.gz", ROWS // 10)
    fewer = median(_measured(connection, lambda: _import(connection, tenth))[0] for _ in range(ROUNDS))
    print(
        f"growth: {ROWS // 10:,} ticks, {ROWS / 10 / fewer:,.0f} rows/s; ten times as many, {ROWS / ours:,.0f} rows/s"
    )


def test_d1_ingest_of_records_and_import(connection: Connection, tmp_path: Path) -> None:
    """What TickIngest does with records in memory, batch by batch, against the import of a file of the same rows."""
    list_instruments(connection, 1)
    rows = ROWS // 5
    file = write_file(tmp_path / "ticks.csv.gz", rows)
    with gzip.open(file, "rt") as read:
        batches = list(_batches(csv.DictReader(read)))

    def by_records() -> None:
        new = sum(ingest_records(connection, batch, NOON + timedelta(days=1)).rows_new for batch in batches)
        assert new == rows

    rounds = [
        (_measured(connection, lambda: _import(connection, file)), _measured(connection, by_records))
        for _ in range(ROUNDS)
    ]
    imported, sent = ([median(figure) for figure in zip(*way, strict=True)] for way in zip(*rounds, strict=True))
    of_both = [backend + python for _, backend, python in (imported, sent)]
    print(
        f"ingest of {rows:,} ticks in records of {_RECORD_ROWS}, {_BATCH_RECORDS} a batch, {WHERE}:"
        f" {rows / sent[0]:,.0f} rows/s; import of the same {rows / imported[0]:,.0f} rows/s;"
        f" ratio of rates {imported[0] / sent[0]:.2f}, of processor time {of_both[0] / of_both[1]:.2f}\n"
        f"processor time of ingest: backend {sent[1]:.2f} s, Python {sent[2]:.2f} s; of import: backend"
        f" {imported[1]:.2f} s, Python {imported[2]:.2f} s"
    )


def _batches(rows: Iterable[dict[str, str]]) -> Iterator[list[Record]]:
    header = {"data_set": "ticks", "schema_version": 1, "feed": "bench", "producer": "bench", "batch_id": "1"}
    lines = ("\n" + json.dumps({"instrument": "X@S1@EQ"} | row) for row in rows)
    number = 0
    while batch := [
        Record(f"{number + place}", (json.dumps(header) + "".join(some)).encode())
        for place in range(_BATCH_RECORDS)
        if (some := list(islice(lines, _RECORD_ROWS)))
    ]:
        yield batch
        number += len(batch)


def _import(connection: Connection, file: Path) -> int:
    with open_tick_file(file) as reader:
        return import_ticks(connection, 1, tick_lots(iter(reader), 1, lambda: None)).new


def _measured(connection: Connection, way: Callable[[], object]) -> tuple[float, float, float]:
    """Into an empty table: seconds on the wall, and of processor time of the backend and of this process."""
    connection.execute("TRUNCATE market.ticks, market.dirty")
    backend, python = backend_seconds(connection), time.process_time()
    taken = seconds(way)
    return taken, backend_seconds(connection) - backend, time.process_time() - python


def write_file(path: Path, rows: int) -> Path:
    """Ten hours of one instrument's ticks, with every column but the flags."""
    apart = timedelta(hours=10) / rows
    with gzip.open(path, "wt", compresslevel=6, newline="") as out:
        out.write("time,seq,price,size,venue\n")
        for number in range(rows):
            price, size = 100 + number * 31 % 4999 / 100, 1 + number * 7 % 500
            out.write(f"{(NOON + number * apart).isoformat()},{number},{price:.2f},{size},XNYS\n")
    return path


def _read_binary(connection: Connection) -> bytes:
    """The ticks stored, as binary COPY wants them."""
    with connection.cursor() as cursor, cursor.copy(_COPY_OUT) as copy:
        return b"".join(copy)
