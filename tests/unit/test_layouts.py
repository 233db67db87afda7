"""Files as exchanges and vendors write them, each in its documented columns: read without a word about them."""

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from local.market_file import open_candle_file, open_tick_file
from local.market_file.layouts import LAYOUTS, Holds
from tests.unit.market_file_scene import failure, read

# Of each: a file, and the first and the last row of it.
TICKS = {
    "binance-trades": (
        "5117,93120.10,0.50,46560.05,1767625201123,True,True\n5118,93119.90,0.25,23279.975,1767625261999,False,True\n",
        ("2026-01-05T15:00:01.123000", 5117, "93120.10", "0.50", None),
        ("2026-01-05T15:01:01.999000", 5118, "93119.90", "0.25", None),
    ),
    "binance-aggtrades": (
        (
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
            "26129,0.01633,4.70,27781,27781,1767625201153,true\n26130,0.01634,1.00,27782,27784,1767625261153,false\n"
        ),
        ("2026-01-05T15:00:01.153000", 26129, "0.01633", "4.70", None),
        ("2026-01-05T15:01:01.153000", 26130, "0.01634", "1.00", None),
    ),
    "kraken-trades": (
        "1767625201.1234,93120.1,0.00042\n1767625261.5,93125.0,0.1\n1767625262,93126.0,0.2\n",
        ("2026-01-05T15:00:01.123400", None, "93120.1", "0.00042", None),
        ("2026-01-05T15:01:02", None, "93126.0", "0.2", None),
    ),
    "bybit-trades": (
        (
            "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional\n"
            "1767625201.1236,BTCUSDT,Buy,0.003,93120.50,PlusTick,a-1,2.79e+10,0.003,279.36\n"
            "1767625261.9,BTCUSDT,Sell,0.001,93120.00,MinusTick,a-2,9.3e+09,0.001,93.12\n"
        ),
        ("2026-01-05T15:00:01.123600", None, "93120.50", "0.003", None),
        ("2026-01-05T15:01:01.900000", None, "93120.00", "0.001", None),
    ),
    "bybit-spot-trades": (
        "id,timestamp,price,volume,side,rpi\n1,1767625201074,93106.4,0.003718,sell,0\n2,1767625261150,93107,0.0005,buy,0\n",
        ("2026-01-05T15:00:01.074000", None, "93106.4", "0.003718", None),
        ("2026-01-05T15:01:01.150000", None, "93107", "0.0005", None),
    ),
    "bitmex-trades": (
        (
            "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional\n"
            "2026-01-05D15:00:01.123456789,XBTUSD,Buy,2000,93120.5,ZeroPlusTick,c-1,1,1,2000\n"
            "2026-01-05D15:01:01.000000000,XBTUSD,Sell,100,93120,MinusTick,c-2,1,1,100\n"
        ),
        ("2026-01-05T15:00:01.123456", None, "93120.5", "2000", None),
        ("2026-01-05T15:01:01", None, "93120", "100", None),
    ),
    "tardis-trades": (
        (
            "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
            "deribit,BTC-PERPETUAL,1767625201123456,1767625201130000,8849,buy,93120.5,10\n"
            "deribit,BTC-PERPETUAL,1767625261000001,1767625261009000,8850,sell,93121,20\n"
        ),
        ("2026-01-05T15:00:01.123456", None, "93120.5", "10", "deribit"),
        ("2026-01-05T15:01:01.000001", None, "93121", "20", "deribit"),
    ),
    "kaiko-trades": (
        (
            "id,exchange,symbol,date,price,amount,sell\n"
            "551,bs,btcusd,1767625201123,93120.01,0.5,true\n552,bs,btcusd,1767625261123,93119.5,0.25,false\n"
        ),
        ("2026-01-05T15:00:01.123000", None, "93120.01", "0.5", "bs"),
        ("2026-01-05T15:01:01.123000", None, "93119.5", "0.25", "bs"),
    ),
    "databento-trades": (
        (
            "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence\n"
            "1772463600000152000,1772463600000001000,0,1,42,T,B,0,-4531250000000,2,0,100,77\n"
            "1772463660500152000,1772463660500001999,0,1,42,T,A,0,250000000,1,0,100,78\n"
        ),
        ("2026-03-02T15:00:00.000001", 77, "-4531.250000000", "2", None),
        ("2026-03-02T15:01:00.500001", 78, "0.250000000", "1", None),
    ),
    "polygon-trades": (
        (
            "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape\n"
            'AAX,"12,37",0,11,1,1767623400123456789,101.02,3808,1767623400123500001,8,1\n'
            "AAX,,0,4,2,1767623460123456789,101.05,3809,1767623460123500001,3,1\n"
        ),
        ("2026-01-05T14:30:00.123456", 3808, "101.02", "8", "11"),
        ("2026-01-05T14:31:00.123456", 3809, "101.05", "3", "4"),
    ),
    "alpaca-trades": (
        (
            "symbol,timestamp,exchange,price,size,id,conditions,tape\n"
            "AAX,2026-01-05 14:30:00.123456+00:00,V,101.02,8,71,\"['@', 'I']\",A\n"
            "AAX,2026-01-05 14:31:00+00:00,D,101.05,3,72,['@'],A\n"
        ),
        ("2026-01-05T14:30:00.123456", None, "101.02", "8", "V"),
        ("2026-01-05T14:31:00", None, "101.05", "3", "D"),
    ),
}
PRICES = "open,high,low,close"
CANDLES = {
    "binance-klines": (
        (
            "1735689480000,93100,93140,93090,93120,2.5,1735689539999,232800.0,40,1.0,93120.0,0\n"
            "1735689540000,93120,93150,93110,93140,1.0,1735689599999,93130.0,12,0.5,46565.0,0\n"
        ),
        ("2024-12-31T23:58:00", "93100", "93140", "93090", "93120", "2.5", 40),
        ("2024-12-31T23:59:00", "93120", "93150", "93110", "93140", "1.0", 12),
    ),
    "kraken-candles": (
        "1767625200,93120.1,93130.0,93100.0,93125.0,1.5,17\n1767625320,93125.0,93125.0,93125.0,93125.0,0.1,1\n",
        ("2026-01-05T15:00:00", "93120.1", "93130.0", "93100.0", "93125.0", "1.5", 17),
        ("2026-01-05T15:02:00", "93125.0", "93125.0", "93125.0", "93125.0", "0.1", 1),
    ),
    "databento-candles": (
        (
            f"ts_event,rtype,publisher_id,instrument_id,{PRICES},volume,symbol\n"
            "2026-03-02T15:00:00.000000000Z,33,1,42,4531.25,4532.0,4531.0,4531.75,120,ESH6\n"
            "2026-03-02T15:01:00.000000000Z,33,1,42,4531.75,4531.75,4530.5,4531.0,80,ESH6\n"
        ),
        ("2026-03-02T15:00:00", "4531.25", "4532.0", "4531.0", "4531.75", "120", None),
        ("2026-03-02T15:01:00", "4531.75", "4531.75", "4530.5", "4531.0", "80", None),
    ),
    "polygon-candles": (
        (
            "ticker,volume,open,close,high,low,window_start,transactions\n"
            "AAX,4930,200.29,200.5,200.63,200.2,1767623400000000000,129\n"
            "AAX,1815,200.39,200.61,200.61,200.34,1767623460000000000,57\n"
        ),
        ("2026-01-05T14:30:00", "200.29", "200.63", "200.2", "200.5", "4930", 129),
        ("2026-01-05T14:31:00", "200.39", "200.61", "200.34", "200.61", "1815", 57),
    ),
    "alpaca-candles": (
        (
            f"symbol,timestamp,{PRICES},volume,trade_count,vwap\n"
            "AAX,2026-01-05 14:30:00+00:00,200.29,200.63,200.2,200.5,4930.0,129.0,200.41\n"
            "AAX,2026-01-05 14:31:00+00:00,200.39,200.61,200.34,200.61,1815.0,57.0,200.5\n"
        ),
        ("2026-01-05T14:30:00", "200.29", "200.63", "200.2", "200.5", "4930.0", 129),
        ("2026-01-05T14:31:00", "200.39", "200.61", "200.34", "200.61", "1815.0", 57),
    ),
    "yahoo-candles": (
        (
            "Datetime,Open,High,Low,Close,Adj Close,Volume\n"
            "2026-01-05 09:30:00-05:00,100,101,99,100.5,100.5,5\n2026-01-05 09:31:00-05:00,100.5,102,100,101,101,7\n"
        ),
        ("2026-01-05T14:30:00", "100", "101", "99", "100.5", "5", None),
        ("2026-01-05T14:31:00", "100.5", "102", "100", "101", "7", None),
    ),
    "dukascopy-candles": (
        (
            "Gmt time,Open,High,Low,Close,Volume\n"
            "02.01.2026 21:58:00.000,1.17410,1.17425,1.17402,1.17418,0.0615\n"
            "02.01.2026 21:59:00.000,1.17418,1.17420,1.17407,1.17411,6.15e-05\n"
        ),
        ("2026-01-02T21:58:00", "1.17410", "1.17425", "1.17402", "1.17418", "61500", None),
        ("2026-01-02T21:59:00", "1.17418", "1.17420", "1.17407", "1.17411", "61.5", None),
    ),
    "histdata-candles": (
        "20260701 000000;1.306600;1.306600;1.30656;1.306560;0\n20260701 000100;1.306570;1.306570;1.306470;1.306560;0\n",
        ("2026-07-01T05:00:00", "1.306600", "1.306600", "1.30656", "1.306560", "0", None),
        ("2026-07-01T05:01:00", "1.306570", "1.306570", "1.306470", "1.306560", "0", None),
    ),
}


def columns(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return (row["time"].replace(tzinfo=None).isoformat(), *(row[name] for name in names))


@pytest.mark.parametrize("name", TICKS)
def test_a_dump_of_ticks_is_read_without_a_flag(tmp_path: Path, name: str) -> None:
    content, *ends = TICKS[name]
    path = tmp_path / "dump.csv"
    path.write_text(content)
    reader = open_tick_file(path, allow_negative=True)
    rows = read(reader)
    found = [columns(row, "seq", "price", "size", "venue") for row in (rows[0], rows[-1])]
    # Where nothing numbers the rows, their order does.
    by_order = [(*end[:1], row[1], *end[2:]) if end[1] is None else end for row, end in zip(found, ends, strict=True)]
    assert (reader.layout, found, reader.remarks()) == (name, by_order, [])
    assert rows[0]["seq"] < rows[-1]["seq"]


@pytest.mark.parametrize("name", CANDLES)
def test_a_dump_of_candles_is_read_without_a_flag(tmp_path: Path, name: str) -> None:
    content, *ends = CANDLES[name]
    path = tmp_path / "dump.csv"
    path.write_text(content)
    reader = open_candle_file(path)
    rows = read(reader)
    names = (*PRICES.split(","), "volume", "trades")
    assert (reader.layout, [columns(row, *names) for row in (rows[0], rows[-1])]) == (name, ends)


def test_every_layout_that_can_be_read_is_tried() -> None:
    by_hand = {"metatrader-candles", "stooq-candles"}
    assert {layout.name for layout in LAYOUTS if layout.holds is not Holds.QUOTES} == {*TICKS, *CANDLES, *by_hand}


@pytest.mark.parametrize("packed", ["gzip", "zip", "zstd"])
def test_a_packed_dump_is_the_same(tmp_path: Path, packed: str) -> None:
    content = TICKS["kraken-trades"][0].encode()
    plain, path = tmp_path / "a.csv", tmp_path / "a.packed"
    plain.write_bytes(content)
    if packed == "zip":
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("XBTUSD.csv", content)
        path.write_bytes(archive.getvalue())
    else:
        path.write_bytes(gzip.compress(content) if packed == "gzip" else pa.compress(content, "zstd", asbytes=True))
    assert read(open_tick_file(path)) == read(open_tick_file(plain))


def test_archives_that_are_not_one_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    for names, reason in (
        (("a.csv", "b.csv"), "is a zip archive of 2 files; unpack it, and name those that are to be read"),
        (("[Content_Types].xml", "xl/workbook.xml"), "is a spreadsheet; save it as CSV"),
    ):
        with zipfile.ZipFile(path, "w") as file:
            for name in names:
                file.writestr(name, "time,price,size\n")
        assert failure(lambda: open_tick_file(path)) == f"a.zip: {reason}"


def test_quotes_and_what_the_other_command_reads_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Gmt time,Ask,Bid,AskVolume,BidVolume\n02.01.2026 21:58:00.011,1.1742,1.1741,0.9,1.2\n")
    told = "holds quotes (dukascopy-quotes), bids and asks without trades: ticks cannot be made of them"
    assert failure(lambda: open_tick_file(path)) == f"a.csv: {told}"
    path.write_text(CANDLES["binance-klines"][0])
    assert (
        failure(lambda: open_tick_file(path)) == "a.csv: holds candles (binance-klines): chandlery import candles FILE"
    )
