"""Export: rows of every data set into files, to the last digit, whole or not there."""

import csv
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.platform.errors import Retryable
from chandlery.words.window import DAY, MINUTE, Window
from local.exporting import files
from local.exporting.selection import plan, select, stream
from tests.integration.commands import chandlery
from tests.integration.market import NOON, around_the_clock, insert, put_candles
from tests.plain_fold import Tick

A, B = "X@A/B@EQ", "X@B@EQ"
CLOSES = [f"{12345678901234567 + number}.123456789012345678" for number in range(6)]
DAYS = ("--from", "2026-03-02", "--to", "2026-03-04")
Export = Callable[..., Any]


@pytest.fixture
def desk(connection: Connection) -> list[int]:
    """Two instruments on two days, with numbers that no double holds."""
    ids = around_the_clock(connection, A, B)
    for instrument_id in ids:
        times = [NOON + number * MINUTE for number in range(5)] + [NOON + DAY]
        close = [Decimal(each) for each in CLOSES]
        put_candles(connection, instrument_id, times, close=close, high=close, volume=[Decimal("0.10")] * 6)
    return ids


@pytest.fixture
def export(desk: list[int], migrated_url: str) -> Export:
    """Runs the command, and returns its report."""

    def run(*arguments: str) -> Any:
        code, said, error = chandlery(migrated_url, "export", *arguments, "--json")
        assert code == 0, error
        return json.loads(said)

    return run


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("dataset", declared.DATASETS, ids=lambda each: each.name)
def test_every_data_set_is_exported_in_every_timeframe(connection: Connection, dataset: Dataset) -> None:
    window = Window(NOON, NOON + DAY)
    for timeframe in (None, *dict.fromkeys((*dataset.readable, *dataset.derived))):
        selection = select(connection, dataset, timeframe, window, [1])
        assert plan(connection, selection, by_instrument=True, by_day=True, numbers_fit=True) == []
        assert list(stream(connection, selection)) == []
        assert len(files.Parquet(selection.values).schema) == len(selection.values) + 1


def test_both_formats_say_the_same_to_the_last_digit(export: Export, tmp_path: Path, migrated_url: str) -> None:
    for name in ("a.csv", "a.parquet"):
        done = export("candles", *DAYS, "--instrument-key", A, "--out", str(tmp_path / name))
        assert (done["files"], done["rows"], done["as_text"]) == (1, 6, [])
    written, table = rows_of(tmp_path / "a.csv"), pq.read_table(tmp_path / "a.parquet")
    assert table.schema.field("close").type == pa.decimal128(38, 18)
    assert table.schema.field("time").type == pa.timestamp("us", "UTC")
    assert list(written[0]) == table.schema.names
    assert [row["close"] for row in written] == CLOSES
    assert table["close"].to_pylist() == [Decimal(row["close"]) for row in written]
    assert [row["volume"] for row in written] == ["0.1"] * 6
    assert table["time"].to_pylist() == [datetime.fromisoformat(row["time"]) for row in written]
    assert table["partial"].to_pylist() == [row["partial"] == "true" for row in written]
    # What is exported comes in again, and changes nothing.
    code, _, error = chandlery(migrated_url, "import", "candles", str(tmp_path / "a.csv"), "--instrument", A)
    assert (code, error) == (0, error)
    export("candles", *DAYS, "--instrument-key", A, "--out", str(tmp_path / "again.csv"))
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()


def test_a_column_is_text_where_no_decimal_holds_a_number(
    connection: Connection, desk: list[int], export: Export, tmp_path: Path
) -> None:
    wide, tiny = 2**256 - 1, Decimal("0.0000000000000000001")
    connection.execute(
        "INSERT INTO market.flows (instrument_id, venue, time, tx, leg, direction, amount, usd, confirmed, cancelled)"
        " VALUES (%(a)s, 'v', %(at)s, 'x', 1, 'in', %(wide)s, 1.5, true, false),"
        " (%(a)s, 'v', %(at)s, 'a,\"b\"\n', 2, 'in', %(tiny)s, NULL, true, false)",
        {"a": desk[0], "at": NOON, "wide": wide, "tiny": tiny},
    )
    done = export("flows", *DAYS, "--out", str(tmp_path / "f.parquet"))
    table = pq.read_table(tmp_path / "f.parquet")
    assert {"amount"} <= set(done["as_text"])
    assert "usd" not in done["as_text"]
    assert {row["tx"]: row["amount"] for row in table.to_pylist()} == {
        "x": str(wide),
        'a,"b"\n': "0.0000000000000000001",
    }
    assert sorted(table["usd"].to_pylist(), key=str) == [Decimal("1.5"), None]


def test_a_folder_has_a_file_for_each_instrument_and_day_that_reads_as_one_table(
    export: Export, tmp_path: Path
) -> None:
    given = ("candles", "--from", "2026-03-02T12:02Z", "--to", "2026-03-03T12:01Z", "--out", str(tmp_path))
    by = ("--by", "instrument", "--by", "day")
    done = export(*given, *by)
    # Whole days: a part of one never takes the place of all of it.
    assert (done["files"], done["rows"]) == (4, 12)
    one = tmp_path / "instrument=X@A%2FB@EQ" / "date=2026-03-02" / "candles.parquet"
    assert pq.ParquetFile(one).metadata.num_rows == 5
    whole = pq.read_table(tmp_path)
    assert whole.num_rows == 12
    assert set(whole["instrument_key"].to_pylist()) == set(whole["instrument"].cast(pa.string()).to_pylist()) == {A, B}
    assert {str(day) for day in whole["date"].to_pylist()} == {"2026-03-02", "2026-03-03"}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    export(*given, *by)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before
    one.unlink()
    resumed = export(*given, *by, "--resume")
    assert (resumed["files"], resumed["rows"], resumed["files_kept"]) == (1, 5, 3)
    assert one.read_bytes() == before[one]


def test_ticks_and_what_they_are_rolled_up_to_are_declared_not_special(
    connection: Connection, desk: list[int], export: Export, tmp_path: Path
) -> None:
    at = NOON + timedelta(microseconds=500_000)
    insert(connection, desk[1], [Tick(at, 2, Decimal("1.50"), Decimal(3)), Tick(at, 10, Decimal("1.25"), Decimal(1))])
    export("ticks", *DAYS, "--by", "day", "--format", "csv", "--out", str(tmp_path))
    (tick, other) = rows_of(tmp_path / "date=2026-03-02" / "ticks.csv")
    assert (tick["instrument_key"], tick["time"], tick["seq"], tick["price"], tick["venue"]) == (
        B, "2026-03-02T12:00:00.5Z", "2", "1.5", "",
    )  # fmt: skip
    assert other["seq"] == "10"
    connection.execute("CALL refresh_continuous_aggregate('market.candles_5m', '2026-03-01', '2026-03-05')")
    done = export("candles", *DAYS, "--timeframe", "5m", "--instrument-key", B, "--out", str(tmp_path / "five.parquet"))
    assert done["rows"] == 2
    assert pq.read_table(tmp_path / "five.parquet")["minutes"].to_pylist() == [5, 1]


def test_a_file_that_cannot_be_finished_is_not_there_and_a_former_one_stays(
    desk: list[int], export: Export, tmp_path: Path, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    given = ("candles", *DAYS, "--out", str(path))
    export(*given)
    former = path.read_bytes()

    def broken(*_: object) -> Iterator[bytes]:
        yield b"X@B@EQ"
        raise Retryable("server closed the connection")

    monkeypatch.setattr("local.exporting.export_rows.stream", broken)
    code, _, error = chandlery(migrated_url, "export", *given)
    assert code == 1
    assert "closed the connection" in error
    assert [each.name for each in tmp_path.iterdir()] == ["a.parquet"]
    assert path.read_bytes() == former
    with files.whole(path) as _:
        code, _, error = chandlery(migrated_url, "export", *given)
    assert (code, "another process writes" in error) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("bars", *DAYS, "--out", "x.csv"), "no data set bars here"),
        (("candles", *DAYS, "--out", "x.xls"), "says neither .csv nor .parquet"),
        (("ticks", *DAYS, "--timeframe", "5m", "--out", "x.csv"), "ticks have no timeframe 5m"),
        (("candles", *DAYS, "--out", "x.csv", "--resume"), "it needs --by"),
        (("candles", *DAYS, "--instrument-key", "X@C@EQ", "--out", "x.csv"), "X@C@EQ"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_writes_nothing(
    desk: list[int], migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Any, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, error = chandlery(migrated_url, "export", *arguments)
    assert code in (1, 2)
    assert says in " ".join(error.replace("│", " ").split())
    assert not list(tmp_path.iterdir())
