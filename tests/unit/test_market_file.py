import csv
import gzip
import io
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.market_file import (
    BadRow,
    UnreadableFile,
    open_candle_file,
    open_tick_file,
)
from tests.unit.market_file_scene import NOON, Row, Write, candle, candles, failure, read, seqs, tick, ticks

__all__ = ["candles", "ticks"]

REPO = Path(__file__).parents[2]
DATA = REPO / "../shared/data"
TICKS = ["time", "seq", "price", "size", "venue", "conditions", "updates_ohlc", "updates_volume", "cancelled"]

# --- what is written is read -------------------------------------------------------------------------------

numbers = st.one_of(
    st.decimals(min_value=0, max_value=10**20, allow_nan=False, places=8).map(str),
    st.floats(min_value=0, allow_infinity=False, max_value=1e90).filter(lambda f: f == 0 or f > 1e-90).map(repr),
    st.integers(0, 10**30).map(str),
)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8).map(lambda t: t or None)
tick_rows = st.lists(
    st.fixed_dictionaries(
        {
            "time": st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
            "seq": st.integers(-(2**63), 2**63 - 1),
            "price": numbers,
            "size": numbers,
            "venue": texts,
            "conditions": texts,
            "updates_ohlc": st.booleans(),
            "updates_volume": st.booleans(),
            "cancelled": st.booleans(),
        }
    ),
    max_size=12,
)


def as_csv(rows: Sequence[Row]) -> str:
    file = io.StringIO(newline="")
    out = csv.DictWriter(file, TICKS)
    out.writeheader()
    out.writerows({**row, "time": row["time"].isoformat()} for row in rows)
    return file.getvalue()


def with_lines(rows: Sequence[Row]) -> list[Row]:
    line, numbered = 2, []
    for row in rows:
        numbered.append({**row, "line": line})
        line += 1 + sum((row[name] or "").count("\n") for name in ("venue", "conditions"))
    return numbered


@settings(deadline=None, max_examples=50)
@given(rows=tick_rows, batch_rows=st.integers(1, 15), zipped=st.booleans())
def test_csv_reads_back_equal(rows: list[Row], batch_rows: int, zipped: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ticks.csv"
        content = as_csv(rows).encode()
        path.write_bytes(gzip.compress(content) if zipped else content)
        assert read(open_tick_file(path, batch_rows=batch_rows)) == with_lines(rows)


@settings(deadline=None)
@given(rows=tick_rows, batch_rows=st.integers(1, 15))
def test_parquet_reads_back_equal(rows: list[Row], batch_rows: int) -> None:
    schema = open_schema().remove(9)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ticks.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema), path)
        found = read(open_tick_file(path, batch_rows=batch_rows))
    assert found == [{**row, "line": number} for number, row in enumerate(rows, 1)]


def open_schema() -> pa.Schema:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ticks.csv"
        path.write_text("time,price,size\n")
        with open_tick_file(path) as reader:
            return reader.schema


def test_schema_and_batch_size(ticks: Write) -> None:
    path = ticks("time,price,size\n" + f"{NOON},1,1\n" * 7)
    with open_tick_file(path, batch_rows=3) as reader:
        batches = list(reader)
    assert [batch.num_rows for batch in batches] == [3, 3, 1]
    assert all(batch.schema == reader.schema for batch in batches)
    types = [
        "timestamp[us, tz=UTC]",
        "int64",
        "string",
        "string",
        "string",
        "string",
        "bool",
        "bool",
        "bool",
        "int64",
    ]
    assert [str(field.type) for field in reader.schema] == types
    nullable = [field.name for field in reader.schema if field.nullable]
    assert nullable == ["venue", "conditions"]


def test_candles(candles: Write) -> None:
    path = candles(
        "time,open,high,low,close,volume,vwap,trades\n"
        "2024-05-01T12:00:00Z,1.50,2,1,1.5,0,,\n"
        "2024-05-01T17:31:00+05:30,1,1,1,1,1e-05,1.00,12\n"
    )
    first, second = read(open_candle_file(path))
    assert first["open"] == "1.50"
    assert (first["vwap"], first["trades"]) == (None, None)
    assert second["time"] == datetime(2024, 5, 1, 12, 1, tzinfo=UTC)
    assert (second["volume"], second["vwap"], second["trades"], second["line"]) == ("1e-05", "1.00", 12, 3)


def test_header_is_forgiving_and_extras_are_named(ticks: Write) -> None:
    path = ticks(f"\ufeff Price ,SIZE, Time,note,\n1,2,{NOON},x,y\n")
    with open_tick_file(path) as reader:
        assert reader.ignored_columns == {"note": None, "(column 5)": None}
        (row,) = (row for batch in reader for row in batch.to_pylist())
    assert (row["price"], row["size"]) == ("1", "2")
    assert (row["updates_ohlc"], row["updates_volume"], row["venue"], row["cancelled"]) == (True, True, None, False)


def test_an_ignored_column_is_reported_with_what_it_may_be_meant_for(ticks: Write) -> None:
    path = ticks(f"time,price,size,Sequence_Number,condition,canceled,seq2,exchange_id\n{NOON},1,2,3,,,,\n")
    with open_tick_file(path) as reader:
        meant = {"Sequence_Number": "seq", "condition": "conditions", "canceled": "cancelled", "seq2": "seq"}
        assert reader.ignored_columns == meant | {"exchange_id": None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01 12:00:00.5+00:00", timedelta(milliseconds=500)),
        ("2024-05-01T17:30:00+0530", timedelta()),
        ("20240501T120000Z", timedelta()),
        ("2024-05-01t12:00:00z", timedelta()),
        (" 2024-05-01T12:00:00Z ", timedelta()),
        ("2024-05-01T12:00:00.123456999Z", timedelta(microseconds=123456)),
        ("2024-05-01T12:00:00.123456999999Z", timedelta(microseconds=123456)),
    ],
)
def test_times(ticks: Write, text: str, expected: timedelta) -> None:
    (row,) = read(open_tick_file(ticks(tick(text))))
    assert row["time"] == datetime(2024, 5, 1, 12, tzinfo=UTC) + expected


@pytest.mark.parametrize("text", ["1e-05", "+5", ".5", "5.", "1E+20", "1e-005", "007", "-0.0", " 5 "])
def test_numbers_stay_text(ticks: Write, text: str) -> None:
    (row,) = read(open_tick_file(ticks(tick(price=text))))
    assert row["price"] == text.strip()


def test_flags(ticks: Write) -> None:
    flags = ["1", "0", "true", "false", "t", "f", "TRUE", "False", ""]
    path = ticks("time,price,size,updates_ohlc\n" + "".join(f"{NOON},1,1,{flag}\n" for flag in flags))
    expected = [True, False, True, False, True, False, True, False, True]
    assert [row["updates_ohlc"] for row in read(open_tick_file(path))] == expected


def test_header_only_yields_nothing(ticks: Write) -> None:
    assert read(open_tick_file(ticks("time,price,size"))) == []
    assert read(open_tick_file(ticks("\n\ntime,price,size\n\n\r\n"))) == []


@pytest.mark.parametrize("zipped", [False, True])
def test_progress_follows_the_batches(ticks: Write, monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    monkeypatch.setattr("local.market_file.guard.BLOCK", 1 << 12)
    monkeypatch.setattr("local.market_file.source._BUFFER", 1 << 10)
    sizes = [random.randrange(10**9) for _ in range(20_000)]  # hard to compress
    content = ("time,price,size\n" + "".join(f"{NOON},{n},{size}\n" for n, size in enumerate(sizes))).encode()
    path = ticks(gzip.compress(content) if zipped else content)
    with open_tick_file(path) as reader:
        seen = [(reader.bytes_read / reader.total_bytes, batch["line"][-1].as_py()) for batch in reader]
        assert reader.bytes_read == reader.total_bytes == path.stat().st_size
    assert all(abs(share - line / 20_001) < 0.15 for share, line in seen)


# --- bad rows ----------------------------------------------------------------------------------------------

BOUNDS = "(at most 100 digits on each side of the point, exponent to 99)"
NAIVE = "has no time zone; write an offset or Z, or give --time-zone ZONE"
EXAMPLE = "as in 2024-05-01T13:30:00.123456Z"
BAD_TICKS = [
    (tick(price="abc"), 'column price: "abc" is not a number'),
    (tick(price="0x10"), 'column price: "0x10" is not a number'),
    (tick(price="1_0"), 'column price: "1_0" is not a number'),
    (tick(price="NaN"), 'column price: "NaN" is not a finite number'),
    (tick(price="-inf"), 'column price: "-inf" is not a finite number'),
    (tick(price="-0.1"), 'column price: "-0.1" is negative'),
    (tick(price="-1e-300"), 'column price: "-1e-300" is negative'),
    (tick(price=""), "column price: is empty"),
    (
        tick(price="1e400"),
        f'column price: "1e400" is too long a number {BOUNDS}',
    ),
    (tick(size="x" * 100), f'column size: "{"x" * 59}…" is not a number'),
    (tick(""), "column time: is empty"),
    (
        tick(NOON[:-1]),
        'column time: "2024-05-01T12:00:00" has no time zone; write an offset or Z, or give --time-zone ZONE',
    ),
    (tick("2024-05-01"), f'column time: "2024-05-01" {NAIVE}'),
    (tick("noon"), f'column time: "noon" is not a time in ISO 8601, {EXAMPLE}'),
    (
        tick("2024-02-30T12:00:00Z"),
        f'column time: "2024-02-30T12:00:00Z" is not a time in ISO 8601, {EXAMPLE}',
    ),
    (tick("1969-12-31T23:59:59.9999999Z"), 'column time: "1969-12-31T23:59:59.9999999Z" lies before 1970'),
    (tick("2024-05-02T00:00:00.000001Z"), 'column time: "2024-05-02T00:00:00.000001Z" lies in the future'),
    (tick("9999-12-31T23:59:59-05:00"), 'column time: "9999-12-31T23:59:59-05:00" lies in the future'),
    (f"time,price,size,seq\n{NOON},1,1,1.5\n", 'column seq: "1.5" is not an integer'),
    (f"time,price,size,seq\n{NOON},1,1,0x1\n", 'column seq: "0x1" is not an integer'),
    (f"time,price,size,seq\n{NOON},1,1,\n", "column seq: is empty"),
    (
        f"time,price,size,seq\n{NOON},1,1,9223372036854775808\n",
        'column seq: "9223372036854775808" is too large',
    ),
    (
        f"time,price,size,updates_ohlc\n{NOON},1,1,yes\n",
        'column updates_ohlc: "yes" is neither 1, true, t nor 0, false, f',
    ),
    (f"time,price,size,venue\n{NOON},1,1,a\0b\n", 'column venue: "a\\u0000b" holds a zero byte'),
    (f"time,price,size\n{NOON},1\n", "has 2 columns instead of 3"),
    (f"time,price,size\n{NOON},1,1,1\n", "has 4 columns instead of 3"),
]


@pytest.mark.parametrize(("content", "reason"), BAD_TICKS)
def test_bad_tick(ticks: Write, content: str, reason: str) -> None:
    path = ticks(content)
    latest = datetime(2024, 5, 2, tzinfo=UTC)
    separator = ", " if reason.startswith("column") else ": "
    message = f"ticks.csv line 2{separator}{reason}"
    assert failure(lambda: open_tick_file(path, latest=latest)) == message


BAD_CANDLES = [
    (candle("1,2,3,2,0"), "line 2, column low: 3 is above high 2"),
    (candle("1,3,2,2,0"), "line 2, column low: 2 is above open 1"),
    (candle("2,3,2,1,0"), "line 2, column low: 2 is above close 1"),
    (candle("3,2,1,2,0"), "line 2, column high: 2 is below open 3"),
    (candle("2,2,1,3,0"), "line 2, column high: 2 is below close 3"),
    (
        candle("0.10000000000000000002,0.10000000000000000001,0.1,0.1,0"),
        "line 2, column high: 0.10000000000000000001 is below open 0.10000000000000000002",
    ),
    (candle("1,1,1,1,-5"), 'line 2, column volume: "-5" is negative'),
    (candle("1,1,1,1,0", "1,1,1,1,0"), f'line 3, column time: "{NOON}" is already on line 2'),
    (
        candle("1,1,1,1,0").replace("00Z", "30Z"),
        'line 2, column time: "2024-05-01T12:00:30Z" is not on a whole minute',
    ),
    (f"time,open,high,low,close,volume,vwap\n{NOON},1,1,1,1,1,-1\n", 'line 2, column vwap: "-1" is negative'),
    (
        f"time,open,high,low,close,volume,trades\n{NOON},1,1,1,1,1,-1\n",
        'line 2, column trades: "-1" is negative',
    ),
]


@pytest.mark.parametrize(("content", "reason"), BAD_CANDLES)
def test_bad_candle(candles: Write, content: str, reason: str) -> None:
    path = candles(content)
    assert failure(lambda: open_candle_file(path)) == f"candles.csv {reason}"


def test_equal_prices_written_differently_are_fine(candles: Write) -> None:
    assert len(read(open_candle_file(candles(candle("1.50,1.5,1.500,+1.5,0"))))) == 1


def test_a_repeated_minute_is_found_across_batches_and_offsets(candles: Write) -> None:
    path = candles(candle(*["1,1,1,1,0"] * 2).replace(f"{NOON},", "2024-05-01T17:30:00+05:30,", 1))
    message = failure(lambda: open_candle_file(path, batch_rows=1))
    assert message == f'candles.csv line 3, column time: "{NOON}" is already on line 2'


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_line_numbers(ticks: Write, batch_rows: int) -> None:
    lines = [
        "",  # 1
        "time,price,size,venue",
        f"{NOON},1,1,A",  # 3
        "",
        "  ",
        ",,,",
        f'{NOON},2,1,"B',  # 7
        'B"',
        "short,1",  # 9
        f'"{NOON}","3","1",C',  # 10
        'quoted,"',  # 11
        '"',
        f"{NOON},x,1,D",  # 13
        f"{NOON},4,1,",
        "",
        "last,1",  # 16
        "",
    ]
    bad: list[BadRow] = []
    path = ticks("\r\n".join(lines))
    rows = read(open_tick_file(path, batch_rows=batch_rows, on_bad=bad.extend))
    assert [(row["line"], row["price"]) for row in rows] == [(3, "1"), (7, "2"), (10, "3"), (14, "4")]
    assert [(row.line, row.column) for row in bad] == [(9, None), (11, None), (13, "price"), (16, None)]
    assert bad[1].reason == "has 2 columns instead of 4 (a quote in it runs on to line 12)"
    assert failure(lambda: open_tick_file(path, batch_rows=batch_rows)) == (
        "ticks.csv line 9: has 2 columns instead of 4"
    )


def test_line_numbers_across_blocks(ticks: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.market_file.guard.BLOCK", 1 << 12)
    good, blank, short = f"{NOON},1,1\n", "\n", "x\n"
    path = ticks("time,price,size\n" + (good + blank + good + short) * 5_000 + f"{NOON},no,1\n")
    bad: list[BadRow] = []
    lines = [row["line"] for row in read(open_tick_file(path, on_bad=bad.extend))]
    assert lines[:4] == [2, 4, 6, 8]
    assert lines == list(range(2, 20_001, 2))
    assert [row.line for row in bad] == [*range(5, 20_002, 4), 20_002]


def test_strict_raises_the_first_bad_row_whatever_its_kind(ticks: Write) -> None:
    rows = [f"{NOON},1,1", f"{NOON},1,no", f"{NOON},no,1", "short"]
    path = ticks("\n".join(["time,price,size", *rows]))
    assert failure(lambda: open_tick_file(path)) == 'ticks.csv line 3, column size: "no" is not a number'


def test_skipped_rows_are_handed_over(ticks: Write) -> None:
    path = ticks(f'time,price,size,note\n{NOON},1,1,\n{NOON},no,no,"a, b"\n{NOON},2,1,\nshort,1\n')
    calls: list[Sequence[BadRow]] = []
    rows = read(open_tick_file(path, on_bad=calls.append))
    assert [row["price"] for row in rows] == ["1", "2"]
    (value, shape) = (row for call in calls for row in call)
    assert (value.file, value.line, value.column) == ("ticks.csv", 3, "price")
    assert value.reason == '"no" is not a number'
    assert value.text == f'{NOON},no,no,"a, b"'
    assert (shape.line, shape.column, shape.text) == (5, None, "short,1")


def test_a_skipped_candle_does_not_claim_its_minute(candles: Write) -> None:
    bad: list[BadRow] = []
    path = candles(candle("1,1,2,1,0", "1,1,1,1,0", "1,1,1,1,0"))
    rows = read(open_candle_file(path, on_bad=bad.extend))
    assert [row["line"] for row in rows] == [3]
    assert [(row.line, row.column) for row in bad] == [(2, "low"), (4, "time")]


# --- files that cannot be read -----------------------------------------------------------------------------

ZIPPED = gzip.compress(("time,price,size\n" + "".join(f"{NOON},{n},1\n" for n in range(99_999))).encode(), mtime=0)
NO_HEADER = "does not start with a header line of text; it must be CSV or Parquet"
HUGE_ROW = "has a row of more than 2 MiB; look for a quote that is never closed"
WHICH = "say which is which: --columns"
UNREADABLE = [
    (b"", "is empty; it needs at least a header line"),
    (b"\n\n", "is empty; it needs at least a header line"),
    (gzip.compress(b"", mtime=0), "is empty; it needs at least a header line"),
    (
        b"time,size,foo\n",
        f"has no column price; its columns are: time, size, foo; {WHICH} price=NAME",
    ),
    (
        b"a\n",
        f"has no column time, price, size; its columns are: a; {WHICH} time=NAME,price=NAME,size=NAME",
    ),
    (b"time,price,size,Price \n", "has the column price more than once; leave one of them"),
    ("time,price,size\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
    (b"time,price,size,\xe9\n", "is not UTF-8 text; save it as UTF-8"),
    (b"time,price,size,venue\n2024-05-01T12:00:00Z,1,1,\xe9\n", "is not UTF-8 text; save it as UTF-8"),
    (b"time,price,size\n2024-05-01T12:00:00Z,1,\xe9,5,5\n", "is not UTF-8 text; save it as UTF-8"),
    (b"\0\1\2\3\n", NO_HEADER),
    (b"x" * 70_000, NO_HEADER),
    (b"PK\x03\x04..", "is a zip archive that cannot be read (File is not a zip file); unpack it, or copy it again"),
    (b'time,price,size\n"' + b"2024-05-01T12:00:00Z,1,1\n" * 400_000, HUGE_ROW),
    (ZIPPED[: len(ZIPPED) // 2], "is cut short (its gzip data has no end); copy it again"),
    (ZIPPED[:-1], "is cut short (its gzip data has no end); copy it again"),
    (b"PAR1....PAR?", None),
]


@pytest.mark.parametrize(("content", "reason"), UNREADABLE, ids=[str(reason) for _, reason in UNREADABLE])
def test_unreadable(ticks: Write, content: bytes, reason: str | None) -> None:
    path = ticks(content)
    with pytest.raises(UnreadableFile) as caught:
        read(open_tick_file(path))
    assert str(caught.value) == f"ticks.csv: {caught.value.reason}"
    assert "\n" not in caught.value.reason
    assert reason in {None, caught.value.reason}


def test_corrupt_gzip(ticks: Write) -> None:
    half = len(ZIPPED) // 2
    path = ticks(ZIPPED[:half] + b"\xff" * 50 + ZIPPED[half + 50 :])
    assert failure(lambda: open_tick_file(path)).startswith("ticks.csv: has corrupt gzip data (")
    seq_given = gzip.compress(f"time,price,size,seq\n{NOON},1,1,1\n".encode())
    ticks(seq_given[:-5] + b"\0" * 5)
    assert failure(lambda: open_tick_file(path)).startswith("ticks.csv: has corrupt gzip data (CRC check")


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    message = failure(lambda: open_tick_file(tmp_path))
    assert message == f"{tmp_path.name}: is a folder; name one file of ticks or candles"
    assert failure(lambda: open_tick_file(tmp_path / "a.csv")) == "a.csv: there is no such file; check the path"


def test_callers_mistakes(ticks: Write) -> None:
    path = ticks(tick())
    with pytest.raises(ValueError, match="batch_rows must be at least 1, not 0"):
        open_tick_file(path, batch_rows=0)
    with pytest.raises(ValueError, match="latest needs a time zone"):
        read(open_tick_file(path, latest=datetime(2024, 5, 1)))  # noqa: DTZ001 - the mistake


# --- derived seq -------------------------------------------------------------------------------------------


def test_derived_seq_is_the_contents_own(tmp_path: Path) -> None:
    content = ("time,price,size\n" + f"{NOON},1,1\n" * 50).encode()
    first, again, zipped, other = (tmp_path / name for name in ("a.csv", "b.csv", "c.csv.gz", "d.csv"))
    first.write_bytes(content)
    again.write_bytes(content)
    zipped.write_bytes(gzip.compress(content))
    other.write_bytes(content + f"{NOON},1,1\n".encode())
    assert seqs(first) == seqs(again, batch_rows=7) == seqs(zipped)
    assert seqs(first) == sorted(set(seqs(first)))
    assert not set(seqs(first)) & set(seqs(other))
    assert all(0 < seq < 2**63 for seq in seqs(first))


def test_derived_seq_does_not_move_when_rows_are_skipped(ticks: Write) -> None:
    path = ticks(f"time,price,size\n{NOON},1,1\nshort\n{NOON},no,1\n{NOON},1,1\n")
    first, last = seqs(path, on_bad=lambda _: None)
    assert last - first == 3


# --- real files --------------------------------------------------------------------------------------------


def real(pattern: str) -> list[Path]:
    found = sorted(DATA.glob(pattern))
    if not found:
        pytest.skip(f"no {pattern} in ../shared/data")
    return found


def test_real_ticks() -> None:
    count = 0
    for path in real("us-trades/*.csv.gz"):
        with open_tick_file(path, latest=datetime.now(UTC)) as reader:
            assert reader.ignored_columns == {}
            count += sum(batch.num_rows for batch in reader)
    assert count == 332_732


def test_real_candles() -> None:
    paths = [
        *real("us-candles-1m/*.csv.gz"),
        *real("in-candles-1m/*.csv.gz"),
        *real("crypto-candles/*1m.csv.gz"),
    ]
    assert sum(len(read(open_candle_file(path))) for path in paths) == 4_297 + 1_888 + 4_216
    seconds = real("crypto-candles/*1s.csv.gz")[0]
    assert failure(lambda: open_candle_file(seconds)).endswith("is not on a whole minute")


def test_batches_write_as_csv_for_copy(ticks: Write) -> None:
    path = ticks(f'time,price,size,venue\n{NOON},1.50,1e-05,"a,b"\n')
    with open_tick_file(path) as reader:
        (batch,) = reader
    out = io.BytesIO()
    pa_csv.write_csv(batch.select(["time", "price", "size", "venue", "conditions"]), out)
    assert out.getvalue().splitlines()[1] == b'2024-05-01 12:00:00.000000Z,"1.50","1e-05","a,b",'


# --- what is small only while it is compressed -----------------------------------------------------------

MIB = 1 << 20
BOMBS = {
    "a line without end": (b"1" * (5 * MIB), "has a row of more than 2 MiB; it must be CSV, with a row on each line"),
    "blank lines": (b"\r\n" * (3 * MIB), "holds 2 MiB of nothing but blank lines; write it again"),
    "rows of commas": (b",,\n" * (2 * MIB), "holds 2 MiB of nothing but blank lines; write it again"),
    "misshapen rows": (
        b"1,2\n" * 200_000,
        "has 100,000 consecutive rows with 2 columns instead of 3; correct its header, or write it again",
    ),
    "a quote that is never closed": (
        f'{NOON},1,"1\n'.encode() + f"{NOON},1,1\n".encode() * 100_000,
        "has a row of more than 2 MiB; look for a quote that is never closed",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("skips", [True, False])
def test_a_file_that_is_small_only_while_it_is_compressed_is_refused_early(
    ticks: Write, name: str, *, skips: bool
) -> None:
    content, reason = BOMBS[name]
    path = ticks(gzip.compress(b"time,price,size\n" + content))
    assert failure(lambda: open_tick_file(path, on_bad=(lambda _: None) if skips else None)) == f"ticks.csv: {reason}"


def test_a_file_of_blank_lines_alone_has_no_header(ticks: Write) -> None:
    path = ticks(gzip.compress(b"\n" * 50_000))
    assert failure(lambda: open_tick_file(path)) == (
        "ticks.csv: has no header in its first 10,000 lines; they are blank"
    )


def test_reading_that_stops_short_leaves_no_thread_behind(ticks: Write) -> None:
    """A thread that reads ahead outlives the interpreter, and aborts it."""
    row = f"{NOON},1,1\n"
    path = ticks("time,price,size\nshort\n" + row * 400_000)
    program = f"from local.market_file import open_tick_file\nfor _ in open_tick_file({str(path)!r}): pass"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=REPO, check=False)
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        1,
        "local.market_file.errors.BadRow: ticks.csv line 2: has 1 column instead of 3",
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("block", range(40, 60))
def test_rows_are_whole_wherever_a_block_ends(
    ticks: Write, monkeypatch: pytest.MonkeyPatch, end: str, block: int
) -> None:
    monkeypatch.setattr("local.market_file.guard.BLOCK", block)
    venues = ["A", f'"B{end}B"', 'C"', '"D,""D"""', "", '5" E', f'"{end}{end}"', '""']
    rows = [f"{NOON},{number},1,{venue}" for number, venue in enumerate(venues * 3)]
    found = read(open_tick_file(ticks(end.join(["time,price,size,venue", *rows]))))
    told = ["A", f"B{end}B", 'C"', 'D,"D"', None, '5" E', end + end, None] * 3
    assert [(row["price"], row["venue"]) for row in found] == [(str(at), venue) for at, venue in enumerate(told)]
