"""Files that people have: what they look like is found, or said with the flags that would read them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local.lots import candle_columns
from local.market_file import MarketFileError, MarketFileReader, open_candle_file, open_tick_file
from local.market_file.asked import Asked, DayOrder, Unit
from tests.unit.market_file_scene import Row, Write, candles, failure, read, ticks

__all__ = ["candles", "ticks"]

UTC_CLOCK = Asked(time_zone="UTC")


def brief(rows: Sequence[Row], *names: str) -> list[tuple[Any, ...]]:
    """Times without their zone, numbers without idle zeros."""
    return [(f"{row['time']:%Y-%m-%d %H:%M:%S.%f}"[:-3], *(_plain(row[name]) for name in names)) for row in rows]


def _plain(value: Any) -> Any:
    return f"{Decimal(value).normalize():f}" if isinstance(value, str) else value


ONE = [("2026-01-05 15:00:01.000", "100.1", "5")]
TWO = [*ONE, ("2026-01-05 15:00:40.000", "100.2", "7")]
MILLI = [("2026-01-05 15:00:01.123", "100.1", "5")]
READ: dict[str, tuple[str, str, list[tuple[str, str, str]]]] = {
    "seconds": ("time,price,size\n1767625201,100.10,5\n1767625240,100.20,7\n", "times in seconds", TWO),
    "milliseconds": ("time,price,size\n1767625201123,100.10,5\n", "times in milliseconds", MILLI),
    "microseconds": ("time,price,size\n1767625201123456,100.10,5\n", "times in microseconds", MILLI),
    "nanoseconds": ("time,price,size\n1767625201123456789,100.10,5\n", "times in nanoseconds", MILLI),
    "a remark": ("# exported by desk\ntime,price,size\n2026-01-05T15:00:01Z,100.10,5\n", "", ONE),
    "decimal commas": (
        "time;price;size\n2026-01-05T15:00:01Z;100,10;5\n2026-01-05T15:00:40Z;100,20;7\n",
        "decimal commas",
        TWO,
    ),
    "semicolons": ("time;price;size\n2026-01-05T15:00:01Z;100.10;5\n2026-01-05T15:00:40Z;100.20;7\n", "", TWO),
    "tabs": ("time\tprice\tsize\n2026-01-05T15:00:01Z\t100.10\t5\n2026-01-05T15:00:40Z\t100.20\t7\n", "", TWO),
    "quotes": ('"time","price","size"\n"2026-01-05T15:00:01Z","100.10","5"\n', "", ONE),
    "bars": ("time|price|size\n2026-01-05T15:00:01Z|100.10|5\n", "", ONE),
    "thousands": (
        'time,price,size\n2026-01-05T15:00:01Z,"68,123.45","1,200"\n',
        "commas between thousands",
        [("2026-01-05 15:00:01.000", "68123.45", "1200")],
    ),
    "delimiters at the end": (
        "time,price,size\n2026-01-05T15:00:01Z,100.10,5,\n2026-01-05T15:00:40Z,100.20,7,\n",
        "",
        TWO,
    ),
    "other names": ("timestamp,price,qty\n2026-01-05T15:00:01Z,100.10,5\n", "time from timestamp, size from qty", ONE),
    "a header as a remark": ("# timestamp,amount,price\n1767625201,5,100.10\n", "time from timestamp", ONE),
    "JSON": (
        (
            '{"time": "2026-01-05T15:00:01Z", "price": 100.10, "size": "5"}\n\n'
            '{"size": 7, "price": 1002e-1, "time": "2026-01-05T15:00:40Z", "venue": null}\n'
        ),
        "",
        TWO,
    ),
    "another's JSON": (
        '{"id": 7, "price": "100.10", "qty": "5", "quote_qty": "1", "time": 1767625201000, "is_buyer_maker": true}\n',
        "binance-trades: times in milliseconds",
        ONE,
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_it_is_read_as_it_is(ticks: Write, kind: str) -> None:
    content, told, expected = READ[kind]
    reader = open_tick_file(ticks(content))
    assert (brief(read(reader), "price", "size"), reader.ignored_columns) == (expected, {})
    assert reader.read_as.startswith(told)


DOUBTFUL = "time,price,size\n09/04/2020 05:49:00,806,52\n10/04/2020 00:00:00,790,5\n"
WHICH_DAY = (
    'a.csv: line 2: the date of "09/04/2020 05:49:00" begins with the day or with the month, and no date of the file'
    " tells which: its first are 2020-04-09, 2020-04-10 with --day-first or 2020-09-04, 2020-10-04 with --month-first;"
    " give the flag that is right"
)
AS_IN = "as in --time-zone America/New_York or --time-zone UTC"
NO_ZONE = f"has no time zone; say whose clock it is by: --time-zone ZONE, {AS_IN}"
# Each with what is asked of it, what is said, and the flags that read it after all, to a first row.
REFUSED: dict[str, tuple[str, Asked, str, Asked, tuple[str, str, str]]] = {
    "no time zone": (
        "time,price,size\n2026-01-05 15:00:01,100.10,5\n",
        Asked(),
        (
            'a.csv line 2, column time: "2026-01-05 15:00:01" has no time zone; write an offset or Z, or give'
            " --time-zone ZONE"
        ),
        Asked(time_zone="America/New_York"),
        ("2026-01-05 20:00:01.000", "100.1", "5"),
    ),
    "days of spreadsheets": (
        "time,price,size\n46027.625011574,100.10,5\n",
        Asked(),
        (
            'a.csv: line 2: the time "46027.625011574" looks like a number of days, as spreadsheets have it: if so,'
            " give --time-unit excel --time-zone ZONE (as in Europe/Berlin, or UTC)"
        ),
        Asked(time_unit=Unit.EXCEL, time_zone="UTC"),
        ONE[0],
    ),
    "day or month": (
        DOUBTFUL,
        UTC_CLOCK,
        WHICH_DAY,
        Asked(time_zone="UTC", day_order=DayOrder.MONTH_FIRST),
        ("2020-09-04 05:49:00.000", "806", "52"),
    ),
    "a month that is shown": (
        "time,price,size\n01/05/2026 15:00:01,100.10,5\n1/13/2026 9:00:01,100,5\n",
        Asked(),
        f'a.csv: line 2: the time "01/05/2026 15:00:01" (it has the month first) {NO_ZONE}',
        UTC_CLOCK,
        ONE[0],
    ),
    "decimals or thousands": (
        'time,price,size\n2026-01-05T15:00:01Z,"1,200",5\n',
        Asked(),
        (
            'a.csv: line 2: "1,200" is 1.200 or 1200, and no number of the first rows tells which: give'
            " --decimal-comma, or --no-decimal-comma where commas part thousands"
        ),
        Asked(decimal_comma=False),
        ("2026-01-05 15:00:01.000", "1200", "5"),
    ),
    "names of its own": (
        "Date,Last,Shares,Place\n2026-01-05T15:00:01Z,100.10,5,7\n",
        Asked(),
        (
            "a.csv: has no column time, price, size; its columns are: Date, Last, Shares, Place; say which is which:"
            " --columns time=Date,price=Last,size=Shares"
        ),
        Asked(columns={"time": "Date", "price": "Last", "size": "Shares"}),
        ONE[0],
    ),
    "no header": (
        "2026-01-05T15:00:01Z,100.10,5,X\n2026-01-05T15:00:40Z,100.20,7,X\n",
        Asked(),
        (
            'a.csv: has no header: line 1 is a row of 4 columns, "2026-01-05T15:00:01Z,100.10,5,X"; say in which'
            " place each column is: --columns time=1,price=2,size=3"
        ),
        Asked(columns={"time": "1", "price": "2", "size": "3"}),
        ONE[0],
    ),
    "a day and a time": (
        "Date,Time,Price,Size\n20260105,150001,100.10,5\n",
        Asked(columns={"time": "Date+Time"}),
        f'a.csv: line 2: the time "20260105 150001" {NO_ZONE}',
        Asked(columns={"time": "Date+Time"}, time_zone="UTC"),
        ONE[0],
    ),
    "a JSON array": (
        '[{"time": "2026-01-05T15:00:01Z", "price": 100.10, "size": 5}]',
        Asked(),
        "a.csv: is a JSON array; write an object on each line, as `jq -c '.[]'` does",
        Asked(),
        ("", "", ""),
    ),
    "a format that is none": (
        "time,price,size\n2026-01-05T15:00:01Z,100.10,5\n",
        Asked(format="kraken"),
        "a.csv: is not laid out as kraken; its columns are: time, price, size",
        Asked(),
        ONE[0],
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_with_the_flags_that_would_read_it(tmp_path: Path, kind: str) -> None:
    content, asked, message, flags, expected = REFUSED[kind]
    path = tmp_path / "a.csv"
    path.write_text(content)
    assert failure(lambda: open_tick_file(path, asked=asked)) == message
    if expected[0]:
        assert brief(read(open_tick_file(path, asked=flags)), "price", "size")[0] == expected


BAD: dict[str, tuple[str, Asked, str]] = {
    "another unit": (
        "time,price,size\n1767625201123,1,1\n1767625201123456,1,1\n",
        Asked(),
        'line 3, column time: "1767625201123456" counts microseconds, the file\'s other times milliseconds',
    ),
    "first, no number": (
        "time,price,size\nlater,1,1\n1767625201,1,1\n1767625202,1,1\n",
        Asked(),
        'line 2, column time: "later" is not a number, as the file\'s other times are',
    ),
    "no number": (
        "time,price,size\n1767625201,1,1\nlater,1,1\n",
        Asked(time_unit=Unit.S),
        'line 3, column time: "later" is not a number, as the file\'s other times are',
    ),
    "another order": (
        "time,price,size\n14/04/2020 10:00,1,1\n04/14/2020 10:00,1,1\n",
        UTC_CLOCK,
        'line 3, column time: "04/14/2020 10:00" is not a time written as the file\'s others: the day first',
    ),
    "an hour that never was": (
        "time,price,size\n2026-03-08 02:30:00,1,1\n",
        Asked(time_zone="America/New_York"),
        (
            'line 2, column time: "2026-03-08 02:30:00" comes never on 2026-03-08 by the clock of'
            " America/New_York; write an offset"
        ),
    ),
    "an hour that came twice": (
        "time,price,size\n2026-11-01 01:30:00,1,1\n",
        Asked(time_zone="America/New_York"),
        (
            'line 2, column time: "2026-11-01 01:30:00" comes twice on 2026-11-01 by the clock of'
            " America/New_York; write an offset"
        ),
    ),
    "a point among commas": (
        "time;price;size\n2026-01-05T15:00:01Z;1,5;1\n2026-01-05T15:00:02Z;1.25;1\n",
        Asked(decimal_comma=True),
        'line 3, column price: "1.25" is not a number with a decimal comma',
    ),
    "more behind the end": (
        "time,price,size\n2026-01-05T15:00:01Z,1,1,\n2026-01-05T15:00:02Z,1,1,5\n",
        Asked(),
        "line 3: has 4 columns instead of 3",
    ),
    "in its own column": (
        "5117,93120.10,0.50,46560.05,1767625201123,True,True\n5118,none,0.25,23279.975,1767625261999,False,True\n",
        Asked(),
        'line 2, column 2 (price): "none" is not a number',
    ),
    "NaN in JSON": (
        '{"time": "2026-01-05T15:00:01Z", "price": 1, "size": 1}\n{"time": "2026-01-05T15:00:01Z", "price": NaN}\n',
        Asked(),
        "line 2: holds NaN, which is not JSON; write null where there is no value",
    ),
    "a nested value": (
        '{"time": "2026-01-05T15:00:01Z", "price": 1, "size": 1}\n{"price": {"amount": 1}}\n',
        Asked(),
        "line 2: has a value of price that is neither text, number, true, false nor null",
    ),
    "a key twice": (
        '{"time": "2026-01-05T15:00:01Z", "price": 1, "size": 1}\n{"price": 1, "price": 2}\n',
        Asked(),
        "line 2: has the key price more than once",
    ),
    "half a line": (
        '{"time": "2026-01-05T15:00:01Z", "price": 1, "size": 1}\n{"time": "2026-01-05T15:0',
        Asked(),
        "line 2: is not JSON (Unterminated string starting at: line 1 column 10 (char 9))",
    ),
    "an absent key": (
        '{"time": "2026-01-05T15:00:01Z", "price": 1, "size": 1}\n{"time": "2026-01-05T15:00:01Z", "price": 1}\n',
        Asked(),
        "line 2, column size: is empty",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_row_is_named_by_its_line_and_column(tmp_path: Path, kind: str) -> None:
    content, asked, message = BAD[kind]
    path = tmp_path / "a.csv"
    path.write_text(content)
    assert failure(lambda: open_tick_file(path, asked=asked)) == f"a.csv {message}"


def test_the_first_unambiguous_date_decides_for_the_whole_file(ticks: Write) -> None:
    path = ticks("time,price,size\n14/04/2020 10:41:00,772,17\n09/04/2020 05:49:00,806,52\n10/04/2020 00:00:00,790,5\n")
    found = brief(read(open_tick_file(path, asked=UTC_CLOCK)), "price")
    times = ["2020-04-14 10:41:00.000", "2020-04-09 05:49:00.000", "2020-04-10 00:00:00.000"]
    assert [time for time, _ in found] == times
    late = "time,price,size\n" + "09/04/2020 05:49:00,806,52\n" * 300 + "4/14/2020 5:49,806,52\n"
    assert brief(read(open_tick_file(ticks(late), asked=UTC_CLOCK)))[0] == ("2020-09-04 05:49:00.000",)


def test_the_unit_of_klines_is_that_of_each_file(candles: Write) -> None:
    rows = "{0}00000,93140.00,93200.00,93130.00,93190.00,3.00000000,{1},279480.00,51,1.5,139740.0,0\n"
    ends = "close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"
    header = f"open_time,open,high,low,close,volume,{ends}"
    files = [
        (rows.format("17356896", "1735689659999"), "milliseconds"),
        (rows.format("17356896000", "1735689659999999"), "microseconds"),
        (header + rows.format("17356896", "1735689659999"), "milliseconds"),
    ]
    for content, unit in files:
        reader = open_candle_file(candles(content))
        assert brief(read(reader), "close", "trades", "turnover") == [
            ("2025-01-01 00:00:00.000", "93190", 51, "279480")
        ]
        assert reader.read_as == f"binance-klines: times in {unit}"
    hour = rows.format("17356896", "1735693199999")
    told = "line 1 is a candle of 60 minutes; candles of one minute can be imported"
    assert failure(lambda: open_candle_file(candles(hour))) == f"candles.csv: {told}"


def test_the_average_price_of_klines_is_theirs_if_it_is_one(candles: Write) -> None:
    row = "1735689600000,93140,93200,93130,93190,3,1735689659999,{0},51,1.5,139740,0\n"
    found = []
    # Contracts on coins have the sum in coins there.
    for quote in ("279480", "0.0032"):
        with open_candle_file(candles(row.format(quote))) as reader:
            found += candle_columns(next(iter(reader))).turnovers
    assert found == [3 * 93160, None]


def test_a_header_of_three_lines_is_yahoos(candles: Write) -> None:
    head = "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDatetime,,,,,\n"
    path = candles(
        head
        + "2026-01-05 14:30:00+00:00,101.5,102.0,100.5,101.0,1200\n"
        + "2026-01-05 14:31:00+00:00,101.2,101.6,101.1,101.5,800\n"
    )
    reader = open_candle_file(path)
    assert brief(read(reader), "open", "high", "low", "close", "volume", "line") == [
        ("2026-01-05 14:30:00.000", "101", "102", "100.5", "101.5", "1200", 4),
        ("2026-01-05 14:31:00.000", "101.5", "101.6", "101.1", "101.2", "800", 5),
    ]
    assert reader.layout == "yahoo-candles"
    two = candles(
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\nTicker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT\n"
        "Datetime,,,,,,,,,,\n2026-01-05 14:30:00+00:00,1,21,2,22,1,21,1,21,5,6\n"
    )
    refused = "candles.csv: has columns of AAPL, MSFT; say whose are to be read: --ticker AAPL"
    assert failure(lambda: open_candle_file(two)) == refused
    reader = open_candle_file(two, asked=Asked(ticker="MSFT"))
    assert (brief(read(reader), "close", "volume")[0][1:], reader.ignored_columns) == (("21", "6"), {})


def test_flat_candles_of_closed_hours_are_left_out_and_counted(candles: Write) -> None:
    path = candles(
        "Gmt time,Open,High,Low,Close,Volume\n"
        "02.01.2026 21:58:00.000,1.17410,1.17425,1.17402,1.17418,0.0615\n"
        "02.01.2026 21:59:00.000,1.17418,1.17420,1.17407,1.17411,0.0243\n"
        "02.01.2026 22:00:00.000,1.17411,1.17411,1.17411,1.17411,0\n"
        "03.01.2026 12:00:00.000,1.17411,1.17411,1.17411,1.17411,0\n"
        "04.01.2026 22:00:00.000,1.17440,1.17462,1.17431,1.17455,0.0128\n"
    )
    reader = open_candle_file(path)
    assert brief(read(reader), "close", "volume") == [
        ("2026-01-02 21:58:00.000", "1.17418", "61500"),
        ("2026-01-02 21:59:00.000", "1.17411", "24300"),
        ("2026-01-04 22:00:00.000", "1.17455", "12800"),
    ]
    told = ["2 rows left out: flat with a volume of 0, as closed hours are filled (line 4, 5)"]
    assert (reader.left_out, reader.remarks()) == (2, told)
    assert "multiplied by 1,000,000" in reader.read_as


def test_candles_of_more_than_a_minute_are_doubted(candles: Write) -> None:
    rows = [f"{1767625200 + 300 * number},7,9,6,8,5,3\n" for number in range(4)]
    reader = open_candle_file(candles("".join(rows)), batch_rows=1)
    assert (len(read(reader)), reader.layout) == (4, "kraken-candles")
    assert reader.remarks() == ["no two candles are closer than 5 minutes: are they of one minute each?"]
    reader = open_candle_file(candles("".join(rows) + "1767626160,7,9,6,8,5,3\n"))
    assert (len(read(reader)), reader.remarks()) == (5, [])


DATABENTO = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,symbol\n"
)


def test_fixed_prices_are_those_of_pretty_files_and_undefined_ones_left_out(ticks: Write) -> None:
    raw, pretty = (
        read(reader)
        for reader in (
            open_tick_file(ticks(DATABENTO + rows))
            for rows in (
                (
                    "1772463600000152000,1772463600000001000,0,1,4242,T,B,0,4531250000000,2,0,100,77,ESH6\n"
                    "1772463600500152000,1772463600500001000,0,1,4242,T,A,0,4531000000000,1,0,100,78,ESH6\n"
                    "1772463601000152000,1772463601000001000,0,1,4242,T,N,0,9223372036854775807,3,0,100,79,ESH6\n"
                ),
                (
                    "2026-03-02T15:00:00.000152000Z,2026-03-02T15:00:00.000001000Z,0,1,4242,T,B,0,4531.250000000,2,0,1,77,ESH6\n"
                    "2026-03-02T15:00:00.500152000Z,2026-03-02T15:00:00.500001000Z,0,1,4242,T,A,0,4531.000000000,1,0,1,78,ESH6\n"
                    "2026-03-02T15:00:01.000152000Z,2026-03-02T15:00:01.000001000Z,0,1,4242,T,N,0,,3,0,1,79,ESH6\n"
                ),
            )
        )
    )
    assert raw == pretty
    assert [(str(row["time"]), row["seq"], Decimal(row["price"]), row["size"]) for row in raw] == [
        ("2026-03-02 15:00:00.000001+00:00", 77, Decimal("4531.25"), "2"),
        ("2026-03-02 15:00:00.500001+00:00", 78, Decimal(4531), "1"),
    ]
    reader = open_tick_file(
        ticks(DATABENTO + "1772463601000152000,1772463601000001000,0,1,4242,T,N,0,,3,0,100,79,ESH6\n")
    )
    assert (read(reader), reader.remarks()) == ([], ["1 row left out: the price is undefined (line 2)"])


@pytest.mark.parametrize("batch_rows", [1, 3, 50])
def test_trades_that_a_dump_lacks_are_reported_by_their_numbers(ticks: Write, batch_rows: int) -> None:
    path = ticks(
        "7001,93120.10,0.5,9001,9002,1767625201000000,True,True\n"
        "7002,93120.20,0.1,9003,9003,1767625202000000,False,True\n"
        "7003,93120.00,0.2,9004,9007,1767625203000000,True,True\n"
        "7008,93150.00,0.4,9015,9015,1767625630000000,False,True\n"
    )
    reader = open_tick_file(path, batch_rows=batch_rows)
    assert [row["seq"] for row in read(reader)] == [7001, 7002, 7003, 7008]
    assert reader.remarks() == [
        (
            "4 aggregate ids (7004 to 7007), 7 trades (9008 to 9014) missing between 2026-01-05T15:00:03Z and"
            " 2026-01-05T15:07:10Z"
        )
    ]


@pytest.mark.parametrize("batch_rows", [1, 50])
def test_words_in_the_place_of_numbers_make_no_trade(ticks: Write, batch_rows: int) -> None:
    row = "{},93120.10,0.50,46560.05,1767625201123,True,True\n"
    path = ticks("".join(map(row.format, ("5117", "none", "5118", "none"))))
    reader = open_tick_file(path, by_row=True, batch_rows=batch_rows)
    assert (len(read(reader)), reader.remarks()) == (4, [])


POLYGON = (
    "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape,trf_id,"
    "trf_timestamp\n"
    "AAX,12,0,11,5299,1767623400123456789,101.02,3808,1767623400123500001,8,1,0,0\n"
    'AAX,"12,37",0,11,5298,1767623400123456789,101.00,3807,1767623400123500000,5,1,0,0\n'
    'BBX,"12,37",0,4,77,1767623400200000000,20.00,11,1767623400200300000,1,3,0,0\n'
)


def test_a_day_of_all_tickers_is_read_for_the_one_that_is_named(ticks: Write) -> None:
    path = ticks(POLYGON)
    told = "has rows of AAX, BBX; say whose are to be read: --ticker AAX"
    assert failure(lambda: open_tick_file(path)) == f"ticks.csv: {told}"
    reader = open_tick_file(path, asked=Asked(ticker="AAX"))
    rows = sorted(read(reader), key=lambda row: (row["time"], row["seq"]))
    assert [(row["time"], row["seq"], row["price"], row["conditions"]) for row in rows] == [
        (datetime(2026, 1, 5, 14, 30, 0, 123456, UTC), 3807, "101.00", "12,37"),
        (datetime(2026, 1, 5, 14, 30, 0, 123456, UTC), 3808, "101.02", "12"),
    ]
    assert reader.remarks() == ["1 row of other tickers left out"]
    none = open_tick_file(path, asked=Asked(ticker="CCX"))
    assert (read(none), none.remarks()) == ([], ["no row is of CCX: all 3 are of other tickers"])


def test_parquet_is_recognised_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {
        "ticker": ["AAX"],
        "volume": [5],
        "open": [1.5],
        "close": [2.0],
        "high": [2.5],
        "low": [1.0],
        "window_start": [1767623400000000000],
        "transactions": [3],
    }
    pq.write_table(pa.table(columns), path)
    reader = open_candle_file(path)
    assert brief(read(reader), "open", "close", "trades") == [("2026-01-05 14:30:00.000", "1.5", "2", 3)]
    assert reader.read_as == "polygon-candles: times in nanoseconds"
    naive = pa.array([datetime(2026, 1, 5, 9, 30)])  # noqa: DTZ001  # what is tried
    pq.write_table(pa.table({"time": naive, "price": [1.5], "size": [2]}), path)
    found = read(open_tick_file(path, asked=Asked(time_zone="America/New_York")))
    assert brief(found, "price") == [("2026-01-05 14:30:00.000", "1.5")]


def test_nothing_that_a_layout_reads_is_swallowed(tmp_path: Path) -> None:
    """Cuts of a file of a layout: an error that is meant, or rows of the whole."""
    whole = POLYGON.replace("BBX", "AAX").encode()
    path = tmp_path / "a.csv"
    path.write_bytes(whole)
    rows = {row["seq"]: row["price"] for row in read(open_tick_file(path))}

    def opened() -> MarketFileReader:
        return open_tick_file(path)

    refused = 0
    for end in range(1, len(whole), 23):
        path.write_bytes(whole[:end])
        try:
            found = read(opened())
        except MarketFileError as error:
            refused += "\n" not in str(error)
            continue
        assert all(rows[row["seq"]].startswith(row["price"]) for row in found)
    assert refused > 8
