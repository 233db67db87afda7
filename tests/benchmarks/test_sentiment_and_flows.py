"""How fast batches of sentiment and flows come in from memory, compared with one plain COPY of the same rows."""

import io
import time
from collections.abc import Callable, Iterator
from statistics import median

import pytest
from psycopg import Connection

from tests.benchmarks.scene import NOON, ON_SERVER, WHERE, backend_seconds, list_instruments, seconds

ROWS = 200_000 if ON_SERVER else 20_000
LOT = 50_000
ROUNDS = 3
INSTRUMENTS = 5
# Transactions of two legs; of one in ten, one leg comes in and one goes out.
_FLOWS = (
    "instrument_id, venue, time, tx, leg, direction, amount, usd, received_at",
    (
        "SELECT 1 + tx %% 5, 'venue-' || tx %% 4, %(noon)s::timestamptz + tx * INTERVAL '1 s',"
        " '0x' || md5(tx::text) || md5((tx + 1)::text), n %% 2,"
        " CASE WHEN tx %% 10 = 0 AND n %% 2 = 1 THEN 'out' WHEN tx %% 3 = 0 THEN 'out' ELSE 'in' END,"
        " n * 1000000000000000001::numeric, n * 1.25, %(noon)s::timestamptz + n * INTERVAL '1 s'"
        " FROM (SELECT n, n / 2 AS tx FROM generate_series(1, %(rows)s) AS n) AS legs"
    ),
)
_SENTIMENT = (
    "instrument_id, source, time, item_id, score, weight, label, received_at",
    (
        "SELECT 1 + n %% 5, 'source-' || n %% 4, %(noon)s::timestamptz + n * INTERVAL '1 s', md5(n::text),"
        " (n %% 201 - 100) / 100.0, n %% 50, 'post', %(noon)s::timestamptz + n * INTERVAL '1 s'"
        " FROM generate_series(1, %(rows)s) AS n"
    ),
)


@pytest.mark.parametrize(("table", "of"), [("sentiment", _SENTIMENT), ("flows", _FLOWS)])
def test_d2_batches_of_rows(connection: Connection, table: str, of: tuple[str, str]) -> None:
    if not ON_SERVER:
        pytest.skip("batches are copied, and the embedded database takes none")
    list_instruments(connection, INSTRUMENTS)
    columns, rows = of
    connection.execute(f"CREATE TEMPORARY TABLE made AS SELECT {columns} FROM market.{table} WITH NO DATA")  # noqa: S608
    connection.execute(f"INSERT INTO made {rows}", {"noon": NOON, "rows": ROWS})
    lots = list(_lots(connection, f"SELECT {columns} FROM made"))  # noqa: S608
    connection.execute("TRUNCATE made")

    def write() -> None:
        for lot in lots:
            with connection.transaction():
                connection.execute("TRUNCATE made")
                _copy(connection, f"COPY made ({columns}) FROM STDIN", lot)
                connection.execute(
                    f"INSERT INTO market.{table} ({columns}) SELECT {columns} FROM made ON CONFLICT DO NOTHING"  # noqa: S608
                )

    def alone() -> None:
        for lot in lots:
            connection.execute("TRUNCATE made")
            _copy(connection, f"COPY made ({columns}) FROM STDIN", lot)

    rounds = [(_measured(connection, table, write), _measured(connection, table, alone)) for _ in range(ROUNDS)]
    (ours, our_backend, python), (raw, *_) = (
        [median(figure) for figure in zip(*way, strict=True)] for way in zip(*rounds, strict=True)
    )
    print(
        f"batches of {LOT:,} rows of {table} from memory, {WHERE}: {ROWS / ours:,.0f} rows/s; by the backend's"
        f" processor time, {our_backend:.2f} s for {ROWS:,}, {ROWS / our_backend:,.0f} rows/s; Python's {python:.2f} s;"
        f" COPY of the same into a plain table {ROWS / raw:,.0f} rows/s"
    )


def _lots(connection: Connection, query: str) -> Iterator[bytes]:
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT") as copy:
        lines = b"".join(bytes(block) for block in copy).splitlines(keepends=True)
    for start in range(0, len(lines), LOT):
        yield b"".join(lines[start : start + LOT])


def _copy(connection: Connection, text: str, lot: bytes) -> None:
    with connection.cursor() as cursor, cursor.copy(text) as copy:
        reader = io.BytesIO(lot)
        while block := reader.read(1 << 20):
            copy.write(block)


def _measured(connection: Connection, table: str, way: Callable[[], object]) -> tuple[float, float, float]:
    """Into an empty table: seconds on the wall, and of processor time of the backend and of this process."""
    connection.execute(f"TRUNCATE market.{table}, market.marks")
    backend, python = backend_seconds(connection), time.process_time()
    taken = seconds(way)
    return taken, backend_seconds(connection) - backend, time.process_time() - python
