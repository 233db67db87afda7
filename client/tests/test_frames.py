"""Frames: exact decimals, times in UTC, and the same columns and types whether or not there are rows."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pandas as pd
import polars as pl
import pytest

from chandlery_client import AsyncClient, BadArgument, Client, FrameError
from chandlery_client.frames import columns_of, to_pandas, to_polars
from chandlery_client.rows import buckets, candles, completeness, instruments, options, signals
from scripted import Script, answered, candle, page

KEY, STARTS = "X@A@EQ", datetime(2026, 3, 2, tzinfo=UTC)
EMPTY, TWO = page([]), page(["10:00", "10:01"])
ROWS = [
    candles.Candle, candles.InstrumentCandle, candles.StoredValue, instruments.Instrument, instruments.Latest,
    instruments.Statistics, instruments.PriceChange, options.ChainStrike, options.StrikeCandle, options.Point,
    options.Expiry, signals.Signal, completeness.Gap, completeness.Day, buckets.SentimentBucket, buckets.FlowsBucket,
]  # fmt: skip


def asked(*bodies: Any) -> Any:
    client = Client("http://test", transport=Script([answered(body) for body in bodies]).transport)
    return client.candles(KEY, "1m", from_=STARTS)


def test_an_empty_frame_of_polars_is_like_any_other() -> None:
    empty, two = asked(EMPTY).to_polars(), asked(TWO).to_polars()
    assert empty.schema == two.schema
    assert two.schema["time"] == pl.Datetime("us", "UTC")
    assert two.schema["close"] == pl.Decimal(38, 18)
    both = pl.concat([empty, two])
    assert (both.height, both.schema) == (2, two.schema)
    assert both["close"].to_list() == [Decimal("101.40")] * 2
    assert both["time"].to_list() == [datetime(2026, 3, 2, 10, minute, tzinfo=UTC) for minute in (0, 1)]


@pytest.mark.parametrize("decimals", ["exact", "float", "text"])
def test_an_empty_frame_of_pandas_is_like_any_other(decimals: Any) -> None:
    empty, two = asked(EMPTY).to_pandas(decimals=decimals), asked(TWO).to_pandas(decimals=decimals)
    assert list(empty.columns) == list(two.columns)
    assert empty.dtypes.to_dict() == two.dtypes.to_dict()
    assert (empty.index.dtype, empty.index.name) == (two.index.dtype, two.index.name)
    assert str(two.index.dtype) == "datetime64[us, UTC]"
    both = pd.concat([empty, two])
    assert len(both) == 2
    assert both.dtypes.to_dict() == two.dtypes.to_dict()
    assert both.index.dtype == two.index.dtype


def test_a_frame_of_pandas_has_exact_decimals() -> None:
    frame = asked(page(["10:00"], close="0.1000000000000000000000000000000000000001")).to_pandas()
    assert frame["close"].iloc[0] == Decimal("0.1000000000000000000000000000000000000001")
    assert frame.index[0] == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert frame["trades"].dtype == "Int64"


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_a_frame_without_rows(row: Any) -> None:
    names = [column.name for column in columns_of(row)]
    assert to_polars(row, [], "exact").columns == names
    frame = to_pandas(row, [], "exact")
    assert [*([frame.index.name] if frame.index.name else []), *frame.columns] == (
        names if names[0] == "time" or "time" not in names else ["time", *(name for name in names if name != "time")]
    )


def test_digits_that_do_not_fit_are_never_lost_in_silence() -> None:
    long = "115792089237316195423570985008687907853269984665640564039457584007913129639935"
    for value in (long, "0.1234567890123456789"):
        with pytest.raises(FrameError, match="does not fit into 38 digits"):
            asked(page(["10:00"], volume=value)).to_polars()
    text = asked(page(["10:00"], volume=long)).to_polars(decimals="text")
    assert text["volume"].to_list() == [long]
    scaled = asked(page(["10:00"], volume="0.1234567890123456789")).to_polars(scale=19)
    assert scaled["volume"].to_list() == [Decimal("0.1234567890123456789")]


@pytest.mark.parametrize("value", ["99999999999999999999", "-0.000000000000000001", "5.20000000000000000000000", "0"])
def test_digits_that_fit_are_exact(value: str) -> None:
    (found,) = asked(page(["10:00"], volume=value)).to_polars()["volume"].to_list()
    assert found == Decimal(value)


def test_a_small_quotient_fits() -> None:
    (found,) = asked(page(["10:00"], vwap="0.000002351234567890123456")).to_polars()["vwap"].to_list()
    assert found == Decimal("0.000002351234567890123456")


def test_numbers_of_json_lose_no_digit_either() -> None:
    """A server that is older than numbers=text answers so."""
    body = page(["10:00"])
    text = answered(body).content.replace(b'"101.40"', b"0.12345678901234567")
    script = Script([httpx2.Response(200, content=text), httpx2.Response(200, content=text)])
    candles = Client("http://test", transport=script.transport).candles(KEY, "1m", from_=STARTS)
    assert candles.to_polars()["close"].to_list() == [Decimal("0.12345678901234567")]
    assert candles.list()[0].close == Decimal("0.12345678901234567")


def test_floats_where_they_are_asked_for() -> None:
    frame = asked(TWO).to_polars(decimals="float")
    assert frame.schema["close"] == pl.Float64
    assert frame["close"].to_list() == [101.4, 101.4]


def test_times_with_and_without_fractions() -> None:
    body = {"candles": [candle("2026-03-02T10:00:00Z"), candle("2026-03-02T10:00:00.250000Z")], "next_cursor": None}
    assert asked(body).to_polars()["time"].dt.microsecond().to_list() == [0, 250_000]
    assert [time.microsecond for time in asked(body).to_pandas().index] == [0, 250_000]


def test_the_async_client_has_the_same_frames() -> None:
    async def read() -> pl.DataFrame:
        async with AsyncClient("http://test", transport=Script([answered(TWO)]).transport) as client:
            return await client.candles(KEY, "1m", from_=STARTS).to_polars()

    assert asyncio.run(read()).equals(asked(TWO).to_polars())


def test_rows_of_any_data_set_have_no_frame_of_their_own() -> None:
    script = Script([answered({"rows": [{"time": "2026-03-02T10:00:00Z", "price": "1.10"}], "next_cursor": None})] * 2)
    rows = Client("http://test", transport=script.transport).rows("ticks", KEY, from_=STARTS)
    assert rows.list() == [{"time": "2026-03-02T10:00:00Z", "price": "1.10"}]
    with pytest.raises(BadArgument, match="make a frame of their list"):
        rows.to_polars()


SAMPLES: dict[Any, Any] = {
    str: "x", int: 7, bool: True, float: "1e-07", Decimal: "0.25", dict: {"a": [1]}, datetime: "2026-03-02T10:00:00Z",
    date: "2026-03-20",
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_a_frame_with_rows_is_like_the_one_without(row: Any) -> None:
    full = {column.name: SAMPLES[column.kind] for column in columns_of(row)}
    rows = [full, dict.fromkeys(full) | ({"time": SAMPLES[datetime]} if "time" in full else {})]
    frame = to_polars(row, rows, "exact")
    assert frame.schema == to_polars(row, [], "exact").schema
    assert frame.row(1).count(None) == len(full) - ("time" in full)
    pandas = to_pandas(row, rows, "exact")
    assert pandas.dtypes.to_dict() == to_pandas(row, [], "exact").dtypes.to_dict()
    assert [name for name in full if name in pandas and SAMPLES[Decimal] == full[name]] == [
        name for name in full if name in pandas and pandas[name].iloc[0] == Decimal("0.25")
    ]
