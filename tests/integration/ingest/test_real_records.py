"""Real trades in messages of a queue, shuffled, some twice, some wrong, to a function that dies: as an import."""

import csv
import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from chandlery.minutes.import_ticks import import_ticks
from chandlery.platform.errors import ChandleryError
from chandlery.reference.store import instruments, sessions
from local import calendars
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.conftest import empty
from tests.faults.steps import stepping
from tests.integration.ingest.record_scene import Desk, body, from_queue, open_desk
from tests.integration.market import MINUTE, live, snapshot

KEY, DAY = "XNYS@IBM@EQ", datetime(2013, 10, 8, tzinfo=UTC)
COLUMNS = ("time", "seq", "price", "size", "updates_ohlc", "updates_volume", "venue", "conditions")
RECORD_ROWS, BATCH_MESSAGES = 40, 10
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


def shuffled(rows: Sequence[dict[str, str]], random: Random) -> list[tuple[str, str]]:
    """Messages in any order, each tenth twice; each seventh has wrong rows among its own, or comes cut off as well."""
    sent = [as_sent(row) for row in rows]
    random.shuffle(sent)
    wrong = [json.dumps(sent[0] | {"price": "dear"}), "no JSON", json.dumps({**sent[0], "instrument": "X@Y@Z"})]
    messages = []
    for number, start in enumerate(range(0, len(sent), RECORD_ROWS)):
        some: list[Any] = sent[start : start + RECORD_ROWS]
        if number % 7 == 0:
            some = [*some[:5], *wrong, *some[5:]]
        text = body(*some, feed="cts", batch_id=str(number))
        messages.append((f"m-{number}", text))
        if number % 10 == 0:
            messages.append(messages[-1])
        if number % 7 == 3:
            messages.append((f"cut-{number}", text[:25]))
    random.shuffle(messages)
    return messages


def deliver(desk: Desk, messages: Sequence[tuple[str, str]], *, each: bool) -> None:
    """Hand batches to the function until each is taken, whose session dies one statement later each time.

    The first batch dies at each of its statements; the others as well, where `each` of them is to.
    """
    at = count(1)

    def die(connection: "psycopg.Connection[Any]", _exchange: Any) -> Any:
        connection.close()
        raise psycopg.OperationalError("the connection is lost")

    for start in range(0, len(messages), BATCH_MESSAGES):
        event = from_queue(*messages[start : start + BATCH_MESSAGES])
        at = count(1) if each else at
        while True:
            try:
                with stepping(next(at), die):
                    assert desk.take(event) == []
            except ChandleryError:
                continue
            break


@pytest.mark.parametrize("stretch", ["ten minutes", pytest.param("a day", marks=pytest.mark.long)])
def test_a_day_of_messages_that_die_comes_to_what_an_import_does(
    connection: Connection,
    database_url: str,
    real_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stretch: str,
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
    messages = shuffled(rows, Random(1))
    half = len(messages) // 2
    with open_desk(connection, monkeypatch.setenv, database_url) as desk:
        deliver(desk, messages[:half], each=stretch == "a day")
        # What comes afterwards is late, and corrects candles.
        assert live(connection, at).candles_written > 0
        deliver(desk, messages[half:], each=stretch == "a day")
        live(connection, at)
        told = {(bad["record_id"], fault["line"], fault["reason"]) for bad in desk.bad() for fault in bad["faults"]}

    assert everything(connection) == expected
    numbers = range(-(-len(rows) // RECORD_ROWS))
    cut = {(f"cut-{number}", 1, CUT) for number in numbers if number % 7 == 3}
    wrong = {(f"m-{number}", *each) for number in numbers if number % 7 == 0 for each in enumerate(WRONG, 7)}
    assert told == cut | wrong


CUT = "the header is not JSON: Unterminated string starting at character 23"
WRONG = (
    "price: dear must be a number",
    "is not JSON: Expecting value at character 1",
    "instrument: there is no X@Y@Z; add it: chandlery instruments add X@Y@Z --calendar NAME",
)


def everything(connection: Connection) -> list[Any]:
    """Ticks and candles, but for how often these have changed."""
    ticks = connection.execute(
        "SELECT instrument_id, time, seq, price, size, updates_ohlc, updates_volume, cancelled, venue, conditions"
        " FROM market.ticks ORDER BY 1, 2, 3"
    ).fetchall()
    return [ticks, [candle[:-1] for candle in snapshot(connection)]]
