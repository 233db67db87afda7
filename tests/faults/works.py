"""What is disturbed: scheduled functions as Lambda calls them, and commands as the command line does them."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.import_candles import import_candles
from chandlery.ingest.domain.record import Record
from chandlery.ingest.ingest_records import ingest_records
from chandlery.minutes.import_ticks import import_ticks
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent, psycopg_errors_translated
from chandlery.platform.settings import Settings
from chandlery.policies.wanted import read_policies
from chandlery.rebuild.rebuild_timeframe import rebuild_timeframe
from chandlery.refresh.refresh_history import refresh_history
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, MINUTE, Window
from local.lots import tick_lots
from local.market_file import open_tick_file
from tests.faults import desk
from tests.faults.components import COMPONENTS, fire
from tests.faults.option_files import import_all, number_again
from tests.faults.user import keep_desk

# Ten minutes into the session, when all was well; and ten minutes later, when the faults come.
WELL = desk.OPENS + 10 * DAY + 10 * MINUTE
NOW = WELL + 10 * MINUTE


@dataclass(frozen=True)
class Subject:
    """A work, the scene it is disturbed in, and settings that make it one of several short transactions."""

    scene: str
    work: Callable[[], object]
    settings: Mapping[str, str] = field(default_factory=dict)
    # What the next clean run is, if not the same.
    then: Callable[[], object] | None = None

    def __call__(self) -> object:
        """Do it, in a process of its own."""
        os.environ.update(self.settings)
        return self.work()


def component(name: str, scene: str, **settings: str) -> Subject:
    """A scheduled function."""
    return Subject(scene, lambda: fire(COMPONENTS[name], NOW), settings)


def command(scene: str, work: Callable[[Connection], object]) -> Subject:
    """What a command does."""

    def connected() -> object:
        with connect(Settings(), "command") as connection:
            return work(connection)

    return Subject(scene, connected)


def _import_ticks(connection: Connection) -> object:
    # Some of them are stored already: what begins as COPY continues through a staging table.
    lines = ["time,price,size,seq"] + [
        f"{(desk.OPENS + 10 * DAY + timedelta(seconds=15 * number)).isoformat()},{100 + number % 7},2,{number // 30}"
        for number in range(60)
    ]
    # A file that is gone with the process, however that ends.
    descriptor = os.memfd_create("ticks.csv")
    os.write(descriptor, "\n".join([*lines, ""]).encode())
    with open_tick_file(Path(f"/proc/self/fd/{descriptor}")) as reader:
        return import_ticks(connection, 2, tick_lots(_small(iter(reader)), 2, lambda: None))


def _ingest_records(connection: Connection) -> object:
    """Records of three data sets, one of them twice, a row bad, some ticks stored already, legs that cancel out."""
    rows: list[dict[str, object]] = [
        {
            "instrument": ("X@A@EQ", "X@B@EQ")[n % 2],
            "time": (desk.OPENS + 10 * DAY + timedelta(seconds=15 * n)).isoformat(),
        }
        for n in range(60)
    ]
    ticks = [
        row | {"seq": n // 30, "price": 100 + n % 7 if n != 40 else "nonsense", "size": 2} for n, row in enumerate(rows)
    ]
    legs = [
        row | {"venue": "v", "tx": f"0x{n // 4}", "leg": n, "direction": ("in", "out")[n % 3 == 0], "amount": n}
        for n, row in enumerate(rows[:15])
    ]
    items = [row | {"source": "news", "item_id": str(n), "score": 0.1 * n - 0.7} for n, row in enumerate(rows[:15])]
    bodies = [_body("ticks", ticks[start : start + 15]) for start in range(0, 60, 15)]
    bodies += [bodies[1], _body("flows", legs), _body("sentiment", items)]
    return ingest_records(connection, [Record(str(place), body) for place, body in enumerate(bodies)], NOW)


def _body(data_set: str, rows: list[dict[str, object]]) -> bytes:
    header = {"data_set": data_set, "schema_version": 1, "feed": "one", "producer": "p", "batch_id": "1"}
    return "\n".join(map(json.dumps, [header, *rows])).encode()


def _small(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, 20):
            yield batch.slice(start, 20)


def _import_candles(connection: Connection) -> object:
    """Somebody corrected the long day."""
    columns = desk.history_columns(offset=1)
    lots = [
        CandleColumns(**{name: values[start : start + 200] for name, values in vars(columns).items()})
        for start in range(0, len(columns), 200)
    ]
    return import_candles(connection, 1, lots)


def _import_options(connection: Connection) -> None:
    with psycopg_errors_translated():
        number_again(connection)
    import_all(connection)


def _refresh(connection: Connection) -> object:
    window = Window(desk.HISTORY - DAY, desk.OPENS + 12 * DAY)
    return refresh_history(connection, CANDLES, Timeframe.M15, window, NOW, lambda _done, _total: None)


SUBJECTS: Mapping[str, Subject] = {
    "live processor": component("live_processor", "waiting", LIVE_PIECE_CANDLES="60"),
    "option processor": component("option_processor", "waiting", OPTION_PIECE_CONTRACTS="100"),
    "live gap monitor": component("live_gap_monitor", "waiting"),
    "historical gap monitor": component(
        "historical_gap_monitor",
        "waiting",
        LIVE_PIECE_CANDLES="8000",
        GAP_SHARE_INSTRUMENTS="10",
        HISTORY_VERIFY_BUCKETS="1",
    ),
    "historical processor": component("historical_processor", "aggregated"),
    "signal processor": component(
        "signal_processor", "aggregated", SIGNAL_PIECE_INSTRUMENTS="1", SIGNAL_FILL_ROWS="100"
    ),
    "alert processor": component("alert_processor", "aggregated"),
    "desk API": Subject("aggregated", lambda: keep_desk(NOW)),
    "import of ticks": command("waiting", _import_ticks),
    "ingest of records": command("waiting", _ingest_records),
    "import of candles": command("waiting", _import_candles),
    "imports of options": command("waiting", _import_options),
    "refresh": command("aggregated", _refresh),
}


def rebuild(connection: Connection) -> object:
    """Rebuild the candles of four hours, unless an earlier rebuild is still kept."""
    try:
        return rebuild_timeframe(
            connection,
            CANDLES,
            Timeframe.H4,
            read_policies(),
            now=lambda: NOW,
            progress=lambda _step, _done, _total: None,
        )
    except Permanent as error:
        # It is refused until somebody discards what the former left.
        if "is still kept from the rebuild" not in str(error):
            raise
        return None
