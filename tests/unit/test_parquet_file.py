"""Parquet files of ticks: their types, what is refused, and what is small only while it is compressed."""

import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.market_file import (
    MarketFileError,
    open_tick_file,
)
from tests.unit.market_file_scene import NOON, failure, read, seqs, tick

MIB = 1 << 20


def parquet(folder: Path, **columns: Any) -> Path:
    given = {"time": [NOON], "price": ["1"], "size": ["1"], **columns}
    pq.write_table(pa.table(given), folder / "ticks.parquet")
    return folder / "ticks.parquet"


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (pa.array([0.1]), "0.1"),
        (pa.array([0.1], pa.float32()), "0.1"),
        (pa.array([1e-05]), "0.00001"),
        (pa.array([12]), "12"),
        (pa.array([Decimal("12.50")]), "12.50"),
        (pa.array([Decimal("0.00000001")]), "1E-8"),
        (pa.array(["1.50"]).dictionary_encode(), "1.50"),
        (pa.array(["1.50"], pa.large_string()), "1.50"),
    ],
)
def test_parquet_numbers(tmp_path: Path, price: pa.Array, expected: str) -> None:
    (row,) = read(open_tick_file(parquet(tmp_path, price=price)))
    assert row["price"] == expected


@settings(deadline=None)
@given(value=st.floats(min_value=1e-90, max_value=1e90))
def test_parquet_doubles_read_back_the_same(value: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (row,) = read(open_tick_file(parquet(Path(folder), price=[value])))
    assert float(row["price"]) == value
    assert len(Decimal(row["price"]).normalize().as_tuple().digits) <= 17


def test_parquet_times_of_any_zone_and_unit(tmp_path: Path) -> None:
    nanoseconds = pa.array([1_714_564_800_123_456_789], pa.timestamp("ns", "America/New_York"))
    (row,) = read(open_tick_file(parquet(tmp_path, time=nanoseconds, seq=[3.0], extra=[[1]])))
    assert row["time"] == datetime(2024, 5, 1, 12, 0, 0, 123456, UTC)
    assert (row["seq"], row["line"]) == (3, 1)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"time": pa.array([0], pa.timestamp("us"))},
            ": column time: timestamp[us] has no time zone; write an offset or Z",
        ),
        (
            {"time": [1.5]},
            ": column time: cannot be of type double; write ISO 8601 text or timestamps with a time zone",
        ),
        (
            {"price": [[1.5]]},
            ": column price: cannot be of type list<element: double>; write numbers or text",
        ),
        (
            {"time": [NOON[:-1]]},
            f' row 1, column time: "{NOON[:-1]}" has no time zone; write an offset or Z, or give --time-zone ZONE',
        ),
        ({"price": [float("nan")]}, ' row 1, column price: "nan" is not a finite number'),
        ({"price": [None]}, " row 1, column price: is empty"),
        ({"time": pa.array([None], pa.timestamp("ns", "UTC"))}, " row 1, column time: is empty"),
        (
            {"time": pa.array([-1], pa.timestamp("ns", "UTC"))},
            ' row 1, column time: "1969-12-31 23:59:59.999999999Z" lies before 1970',
        ),
    ],
)
def test_bad_parquet(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    path = parquet(tmp_path, **columns)
    assert failure(lambda: open_tick_file(path)) == f"ticks.parquet{message}"


def test_not_parquet(tmp_path: Path) -> None:
    path = tmp_path / "ticks.parquet"
    path.write_text(tick())
    message = "ticks.parquet: is not a Parquet file, whatever its name says; write it again"
    assert failure(lambda: open_tick_file(path)) == message
    whole = parquet(tmp_path).read_bytes()
    path.write_bytes(whole[:-20])
    assert failure(lambda: open_tick_file(path)).startswith("ticks.parquet: cannot be read (Parquet magic")


def test_derived_seq_of_parquet(tmp_path: Path) -> None:
    path = parquet(tmp_path)
    (seq,) = seqs(path)
    assert seq % 2**32 == 1
    assert seqs(path) == [seq]


def test_a_long_text_in_parquet_is_refused_before_it_is_repeated_in_many_rows(tmp_path: Path) -> None:
    path = tmp_path / "ticks.parquet"
    rows = 100_000
    values = {"time": NOON, "price": "1", "size": "1", "venue": "x" * MIB}
    same = pa.repeat(pa.scalar(0, pa.int32()), rows)
    columns = {name: pa.DictionaryArray.from_arrays(same, pa.array([value])) for name, value in values.items()}
    pq.write_table(pa.table(columns), path)
    assert failure(lambda: open_tick_file(path)) == (
        "ticks.parquet: column venue: holds values of more than 4,096 bytes; leave it out"
    )


def test_parquet_that_owns_up_to_long_values_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "ticks.parquet"
    columns = {"time": [NOON] * 3, "price": ["1"] * 3, "size": ["1"] * 3, "venue": ["x" * (30 * MIB)] * 3}
    pq.write_table(pa.table(columns), path, use_dictionary=False)
    with pytest.raises(MarketFileError, match=r"holds rows of more than 16,384 bytes"):
        open_tick_file(path)
