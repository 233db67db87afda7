"""Real trades in records, shuffled, some twice, some cut or wrong, dying at statement after statement: as an import."""

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from chandlery.ingest.domain.record import Record
from chandlery.ingest.ingest_records import ingest_records
from chandlery.minutes.import_ticks import import_ticks
from chandlery.platform.connection import connect
from chandlery.platform.errors import ChandleryError
from chandlery.platform.settings import Settings
from chandlery.reference.store import instruments, sessions
from local import calendars
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.conftest import empty
from tests.faults.steps import stepping
from tests.integration.ingest.record_scene import body
from tests.integration.market import MINUTE, live, snapshot

KEY, DAY = "XNYS@IBM@EQ", datetime(2013, 10, 8, tzinfo=UTC)
COLUMNS = ("time", "seq", "price", "size", "updates_ohlc", "updates_volume", "venue", "conditions")
RECORD_ROWS, BATCH_RECORDS = 40, 10
STRETCHES = {
    "ten minutes": (DAY.replace(hour=19, minute=50), DAY.replace(hour=20)),
    "a day": (DAY, DAY + timedelta(days=1)),
}


def open_market(connection: Connection) -> int:
    sessions.replace(connection, calendars.from_library("XNYS", DAY.date(), DAY.date()))
    instruments.add(connection, KEY, "XNYS", "cts")
    return instruments.find(connection, KEY).instrument_id


def trades(real_data: Path, stretch: str) -> list[dict[str, str]]:
    starts, ends = STRETCHES[stretch]
    with gzip.open(real_data / "us-trades" / "IBM-2013-10-08.csv.gz", "rt") as file:
        return [row for row in csv.DictReader(file) if starts <= datetime.fromisoformat(row["time"]) < ends]


def as_sent(row: dict[str, str]) -> dict[str, Any]:
    told = {name: row[name] for name in COLUMNS if row.get(name)}
    flags = {name: told[name] in ("1", "true", "t") for name in told if name.startswith("updates_")}
    return {"instrument": KEY} | told | flags


def shuffled(rows: Sequence[dict[str, str]], random: Random) -> Iterator[Record]:
    """Records in any order, each tenth twice; each seventh has wrong rows among its own, or comes cut off as well."""
    sent = [as_sent(row) for row in rows]
    random.shuffle(sent)
    wrong = [json.dumps(sent[0] | {"price": "dear"}), "no JSON", json.dumps({**sent[0], "instrument": "X@Y@Z"})]
    records = []
    for number, start in enumerate(range(0, len(sent), RECORD_ROWS)):
        some: list[Any] = sent[start : start + RECORD_ROWS]
        if number % 7 == 0:
            some = [*some[:5], *wrong, *some[5:]]
        text = body(*some, feed="cts", batch_id=str(number)).encode()
        records.append(Record(f"m-{number}", text))
        if number % 10 == 0:
            records.append(records[-1])
        if number % 7 == 3:
            records.append(Record(f"cut-{number}", text[:25]))
    random.shuffle(records)
    return iter(records)


def deliver(url: str, records: Sequence[Record], *, each: bool) -> set[tuple[str, int | None]]:
    """Hand batches over until each is taken, each time with a session that dies one statement later; what was bad.

    The first batch dies at each of its statements; the others as well, where `each` of them is to.
    """
    at = count(1)

    def die(connection: "psycopg.Connection[Any]", _exchange: Any) -> Any:
        connection.close()
        raise psycopg.OperationalError("the connection is lost")

    bad = set()
    for start in range(0, len(records), BATCH_RECORDS):
        batch = records[start : start + BATCH_RECORDS]
        at = count(1) if each else at
        while True:
            connection = connect(Settings(database_url=url), "ingest")
            try:
                with stepping(next(at), die):
                    report = ingest_records(connection, batch, DAY + timedelta(days=2))
            except ChandleryError:
                continue
            finally:
                connection.close()
            bad |= {(each.record.record_id, fault.line) for each in report.bad for fault in each.faults}
            break
    return bad


@pytest.mark.parametrize("stretch", ["ten minutes", pytest.param("a day", marks=pytest.mark.long)])
def test_a_day_of_records_that_die_comes_to_what_an_import_does(
    connection: Connection, database_url: str, real_data: Path, tmp_path: Path, stretch: str
) -> None:
    rows, at = trades(real_data, stretch), STRETCHES[stretch][1] + 2 * MINUTE
    file = tmp_path / "ibm.csv"
    with file.open("w") as out:
        written = csv.DictWriter(out, list(rows[0]))
        written.writeheader()
        written.writerows(rows)
    instrument_id = open_market(connection)
    with open_tick_file(file) as reader:
        lots = tick_lots(iter(reader), instrument_id, lambda: None, reader.known_columns)
        assert import_ticks(connection, instrument_id, lots).new == len(rows)
    live(connection, at)
    expected = everything(connection)
    empty(connection)

    open_market(connection)
    records = list(shuffled(rows, Random(1)))
    bad = deliver(database_url, records, each=stretch == "a day")
    live(connection, at)

    assert everything(connection) == expected
    numbers = range(0, len(rows), RECORD_ROWS)
    cut = {(f"cut-{number}", 1) for number in range(len(numbers)) if number % 7 == 3}
    wrong = {(f"m-{number}", line) for number in range(0, len(numbers), 7) for line in (7, 8, 9)}
    assert bad == cut | wrong


def everything(connection: Connection) -> list[Any]:
    ticks = connection.execute(
        "SELECT instrument_id, time, seq, price, size, updates_ohlc, updates_volume, cancelled, venue, conditions"
        " FROM market.ticks ORDER BY 1, 2, 3"
    ).fetchall()
    return [ticks, snapshot(connection)]
