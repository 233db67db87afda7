"""Files of candles into the database: checked whole, written in lots, as often as one likes."""

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import Connection

from chandlery.gaps.import_candles import CandleImport, import_candles
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.minutes.store.candles import Written
from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent, Retryable
from chandlery.platform.settings import Settings
from chandlery.reference.store import instruments, sessions
from chandlery.vendors.domain.vendor import VendorCandle
from chandlery.words.window import Window
from local import calendars
from local.lots import checked_candle_lots
from local.market_file import BadRow, UnreadableFile
from tests.integration.market import (
    MINUTE,
    NOON,
    around_the_clock,
    candles_of,
    contents,
    insert,
    live,
    row_versions,
    snapshot,
)
from tests.plain_fold import Tick

HEADER = "time,open,high,low,close,volume\n"
ROWS = [f"2026-03-02T12:{minute:02}:00Z,10,12,9,{10 + minute / 100},{minute}\n" for minute in range(60)]
LATEST = datetime(2026, 3, 2, 18, tzinfo=UTC)


@pytest.fixture
def instrument(connection: Connection) -> int:
    return around_the_clock(connection, "X@A@EQ")[0]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: str, header: str = HEADER) -> Path:
        path = tmp_path / "a.csv"
        path.write_text(header + "".join(rows))
        return path

    return write


def bring_in(connection: Connection, instrument: int, path: Path, lot_candles: int = 7) -> CandleImport:
    with checked_candle_lots(path, latest=LATEST, lot_candles=lot_candles) as lots:
        return import_candles(connection, instrument, lots)


@pytest.mark.parametrize(
    ("file", "key", "calendar", "feed", "rows"),
    [
        ("in-candles-1m/NIFTY50.csv.gz", "NSE@NIFTY50@INDEX", "XBOM", "nse", 1888),
        ("us-candles-1m/IBM.csv.gz", "XNYS@IBM@EQ", "XNYS", "cts", 2155),
    ],
)
def test_real_files_come_in_whole(
    connection: Connection, real_data: Path, file: str, key: str, calendar: str, feed: str, rows: int
) -> None:
    theirs = list(read_rows(real_data / file))
    starts, ends = theirs[0][0], theirs[-1][0] + MINUTE
    known = calendars.from_library(calendar, starts.date(), ends.date())
    sessions.replace(connection, known)
    instruments.add(connection, key, calendar, feed)
    instrument_id = instruments.find(connection, key).instrument_id
    assert bring_in(connection, instrument_id, real_data / file, 1000) == CandleImport(rows, written=rows, revised=0)
    mine = candles_of(connection, instrument_id, Window(starts, ends))
    assert [(c.time, c.open, c.high, c.low, c.close, c.volume) for c in mine] == theirs
    assert {(c.vwap, c.trades, c.source, c.version, c.revision) for c in mine} == {
        (None, None, "vendor_historical", 0, 0)
    }
    # All these sessions lie inside a day of UTC, and the minute of the closing auction is regular.
    hours = {session.session_date: (session.opens_at, session.closes_at) for session in known.sessions}
    stamps = connection.execute("SELECT time, session_date, extended FROM market.candles").fetchall()
    for time, session_date, extended in stamps:
        opens, closes = hours[session_date]
        assert (session_date, extended) == (time.date(), not opens <= time <= closes)
    assert {extended for _, _, extended in stamps} == {True, False}
    before = row_versions(connection)
    again = bring_in(connection, instrument_id, real_data / file, 1000)
    assert (again.written, again.revised, again.unchanged) == (0, 0, rows)
    assert row_versions(connection) == before


def read_rows(path: Path) -> Iterator[tuple[datetime, *tuple[Decimal, ...]]]:
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            yield datetime.fromisoformat(row.pop("time")), *map(Decimal, row.values())


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("lot_candles", [1, 7, 59, 60, 61])
def test_lots_lose_nothing_at_their_bounds(
    connection: Connection, instrument: int, write: Callable[..., Path], lot_candles: int
) -> None:
    assert bring_in(connection, instrument, write(*ROWS), lot_candles) == CandleImport(60, written=60, revised=0)
    assert list(contents(connection, instrument)) == [NOON + minute * MINUTE for minute in range(60)]


def test_rows_may_be_in_any_order(connection: Connection, instrument: int, write: Callable[..., Path]) -> None:
    bring_in(connection, instrument, write(*ROWS))
    before = row_versions(connection)
    assert bring_in(connection, instrument, write(*reversed(ROWS))).unchanged == 60
    assert row_versions(connection) == before


def test_a_lot_keeps_to_one_year_and_to_its_order(write: Callable[..., Path]) -> None:
    months = [f"{year}-{month:02}-01T00:00:00Z" for year in (2024, 2025, 2023) for month in (1, 2, 12)]
    path = write(*(f"{month},10,12,9,11,1\n" for month in months))
    with checked_candle_lots(path, latest=LATEST) as lots:
        times = [lot.times for lot in lots]
    assert [[at.isoformat()[:7] for at in lot] for lot in times] == [
        [f"{year}-{month:02}" for month in (1, 2, 12)] for year in (2023, 2024, 2025)
    ]


def test_a_file_revises_what_it_says_otherwise(
    connection: Connection, instrument: int, write: Callable[..., Path]
) -> None:
    bring_in(connection, instrument, write(*ROWS[:20]))
    changed = ROWS[5].replace(",9,", ",8.5,")
    longer = bring_in(connection, instrument, write(*ROWS[:5], changed, *ROWS[6:30]))
    assert (longer.written, longer.revised, longer.unchanged) == (10, 1, 19)
    found = candles_of(connection, instrument, Window(NOON, NOON + 60 * MINUTE))
    assert [c.revision for c in found] == [0] * 5 + [1] + [0] * 24
    assert found[5].low == Decimal("8.5")


def test_other_digits_of_the_same_number_are_no_revision(
    connection: Connection, instrument: int, write: Callable[..., Path]
) -> None:
    bring_in(connection, instrument, write("2026-03-02T12:00:00Z,10,12,9,11,5\n"))
    again = bring_in(connection, instrument, write("2026-03-02T13:00:00+01:00,10.0,1.2e1,9.00,11,5.000\n"))
    assert again.unchanged == 1


def test_a_live_candle_stays(connection: Connection, instrument: int, write: Callable[..., Path]) -> None:
    bring_in(connection, instrument, write(*ROWS[:2]))
    insert(connection, instrument, [Tick(NOON + MINUTE, 1, Decimal(11), Decimal(3))])
    live(connection, NOON + 2 * MINUTE)
    before = row_versions(connection)
    assert bring_in(connection, instrument, write(*ROWS[:2])).unchanged == 2
    assert row_versions(connection) == before
    assert [row[13] for row in snapshot(connection)] == ["vendor_historical", "live_aggregated"]
    assert bring_in(connection, instrument, write(*ROWS[:3])) == CandleImport(3, written=1, revised=0)


def test_an_average_price_of_zero_is_none_known(
    connection: Connection, instrument: int, write: Callable[..., Path]
) -> None:
    path = write(
        "2026-03-02T12:29:00Z,247.08,247.15,247.02,247.14,282676,0,0\n",
        "2026-03-02T12:30:00Z,247.14,247.15,247.02,247.10,1000,247.1,10\n",
        "2026-03-02T13:00:00Z,247.14,247.15,247.02,247.10,1000,247.1,10\n",
        "2026-03-02T13:01:00Z,247.1,247.1,247.1,247.1,0,0,0\n",
        header="time,open,high,low,close,volume,vwap,trades\n",
    )
    bring_in(connection, instrument, path)
    assert [(c.turnover, c.trades) for c in contents(connection, instrument).values()] == [
        (None, None), (Decimal(247_100), 10), (Decimal(247_100), 10), (0, None),
    ]  # fmt: skip
    hours = connection.execute(
        "SELECT market.average(turnover, volume), trades FROM market.candles_1h ORDER BY time"
    ).fetchall()
    # Half of an hour says nothing about the whole: unknown, and not 0.87 of a share at 247.
    assert hours == [(None, None), (Decimal("247.1"), None)]


def test_turnover_is_exact_and_zero_trades_are_none_known(
    connection: Connection, instrument: int, write: Callable[..., Path]
) -> None:
    vwap = "10.1234567890123456789012345678901"
    header = "time,open,high,low,close,volume,vwap,trades\n"
    rows = [
        f"2026-03-02T12:00:00Z,10,12,9,11,1234567.89,{vwap},5\n",
        "2026-03-02T12:01:00Z,10,12,9,11,5,10.5,0\n",
        "2026-03-02T12:02:00Z,10,12,9,11,5,,\n",
        "2026-03-02T12:03:00Z,10,12,9,11,0,0,\n",
    ]
    assert bring_in(connection, instrument, write(*rows, header=header)).written == 4
    assert [(str(c.turnover), c.trades) for c in contents(connection, instrument).values()] == [
        ("12498094.687517146788751714678875142508889", 5),
        ("52.5", None),
        ("None", None),
        ("0", None),
    ]
    assert bring_in(connection, instrument, write(*rows, header=header)).unchanged == 4


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2026-03-02T13:00:00Z,10,12,9,NaN,1\n", 'column close: "NaN" is not a finite number'),
        ("2026-03-02T13:00:00Z,10,12,9,11,-1\n", 'column volume: "-1" is negative'),
        ("2026-03-02T13:00:00Z,10,12,13,11,1\n", "column low: 13 is above high 12"),
        ("2026-03-02T13:00:00,10,12,9,11,1\n", 'column time: "2026-03-02T13:00:00" has no time zone'),
        ("2026-03-02T13:00:30Z,10,12,9,11,1\n", "is not on a whole minute"),
        ("2026-03-02T12:03:00Z,10,12,9,11,1\n", 'column time: "2026-03-02T12:03:00Z" is already on line 5'),
        ("2026-03-02T18:01:00Z,10,12,9,11,1\n", 'column time: "2026-03-02T18:01:00Z" lies in the future'),
        ("2026-03-02T13:00:00Z,10,12\n", "has 3 columns instead of 6"),
    ],
)
def test_a_bad_row_leaves_nothing_of_the_file(
    connection: Connection, instrument: int, write: Callable[..., Path], row: str, message: str
) -> None:
    path = write(*ROWS, row)
    with pytest.raises(BadRow) as refused:
        bring_in(connection, instrument, path)
    assert str(refused.value).startswith("a.csv line 62")
    assert message in str(refused.value)
    assert snapshot(connection) == []


def test_bad_rows_set_aside_are_reported_once(
    connection: Connection, instrument: int, write: Callable[..., Path]
) -> None:
    told: list[BadRow] = []
    path = write(*ROWS[:30], "2026-03-02T12:30:00Z,NaN,1,1,1,1\n", *ROWS[30:], "2099-01-01T00:00:00Z,1,1,1,1,1\n")
    with checked_candle_lots(path, latest=LATEST, on_bad=told.extend, lot_candles=7) as lots:
        assert import_candles(connection, instrument, lots).written == 60
    assert [row.line for row in told] == [32, 63]


def test_progress_covers_both_readings(write: Callable[..., Path]) -> None:
    path = write(*ROWS)
    size = path.stat().st_size
    seen: list[tuple[int, int]] = []
    with checked_candle_lots(path, latest=LATEST, progress=lambda *read: seen.append(read), lot_candles=7) as lots:
        assert (seen[0][1], seen[-1][0] <= size) == (2 * size, True)
        assert sum(map(len, lots)) == 60
    assert seen == sorted(seen)
    assert seen[-1] == (2 * size, 2 * size)


def test_a_file_that_grows_meanwhile_is_refused(write: Callable[..., Path]) -> None:
    path = write(*ROWS[:5])
    later = iter(ROWS[5:])

    def grow(_done: int, _total: int) -> None:
        with path.open("a") as file:
            file.write(next(later))

    with (
        pytest.raises(UnreadableFile, match=r"a\.csv: changed while it was read"),
        checked_candle_lots(path, latest=LATEST, progress=grow),
    ):
        pytest.fail("its lots were handed out")


def test_a_file_without_rows_writes_nothing(
    connection: Connection, instrument: int, write: Callable[..., Path]
) -> None:
    assert bring_in(connection, instrument, write()) == CandleImport(0, 0, 0)


def test_parquet_comes_in_like_csv(connection: Connection, instrument: int, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    times = pa.array([NOON + minute * MINUTE for minute in range(20)], pa.timestamp("us", "UTC"))
    price, vwap = pa.array([10.1] * 20), pa.array([10.1] * 19 + [None])
    columns = {"time": times} | dict.fromkeys(("open", "high", "low", "close", "volume"), price) | {"vwap": vwap}
    pq.write_table(pa.table(columns | {"trades": pa.array([3] * 20)}), path)
    assert bring_in(connection, instrument, path).written == 20
    found = list(contents(connection, instrument).values())
    assert {(c.close, c.trades) for c in found} == {(Decimal("10.1"), 3)}
    assert [c.turnover for c in found] == [Decimal("102.01")] * 19 + [None]


def test_an_import_that_dies_halfway_is_repeated(
    connection: Connection, instrument: int, database_url: str, write: Callable[..., Path]
) -> None:
    path = write(*ROWS)

    def cut_off(lots: Iterator[CandleColumns], own: Connection) -> Iterator[CandleColumns]:
        for number, lot in enumerate(lots):
            if number == 3:
                own.close()
            yield lot

    with (
        connect(Settings(database_url=database_url), "test") as own,
        checked_candle_lots(path, latest=LATEST, lot_candles=7) as lots,
        pytest.raises(Retryable),
    ):
        import_candles(own, instrument, cut_off(lots, own))
    first = row_versions(connection)
    assert len(first) == 21
    assert bring_in(connection, instrument, path) == CandleImport(60, written=39, revised=0)
    assert row_versions(connection)[:21] == first


def vendor_candles(*minutes: int, **more: Any) -> Sequence[VendorCandle]:
    values: dict[str, Any] = dict.fromkeys(("open", "high", "low", "close", "volume"), Decimal("10.5")) | more
    return [VendorCandle(NOON + minute * MINUTE, **values) for minute in minutes]


def test_a_vendor_s_answer_comes_in_the_same_way(connection: Connection, instrument: int) -> None:
    answer = CandleColumns.of([*vendor_candles(0), *vendor_candles(1, turnover=Decimal("110.25"), trades=4)])
    assert candles.write_vendor(connection, instrument, answer) == Written(written=2)
    assert candles.write_vendor(connection, instrument, answer) == Written()
    assert candles.write_vendor(connection, instrument, CandleColumns.of([])) == Written()
    assert [(c.turnover, c.trades) for c in contents(connection, instrument).values()] == [
        (None, None),
        (Decimal("110.25"), 4),
    ]


def test_a_vendor_s_nonsense_is_refused_by_the_database(connection: Connection, instrument: int) -> None:
    for nonsense in (vendor_candles(0, 0), [*vendor_candles(1), *vendor_candles(0, low=Decimal(11))]):
        with pytest.raises(Permanent):
            candles.write_vendor(connection, instrument, CandleColumns.of(nonsense))
    assert snapshot(connection) == []


def test_columns_of_different_lengths_are_refused() -> None:
    columns = vars(CandleColumns.of(vendor_candles(0, 1)))
    with pytest.raises(ValueError, match="differ in length"):
        CandleColumns(**columns | {"trades": [1]})


def test_the_calendar_says_which_session(connection: Connection, instrument: int, write: Callable[..., Path]) -> None:
    bring_in(connection, instrument, write(*ROWS[:1]))
    assert [row[11:13] for row in snapshot(connection)] == [(date(2026, 3, 2), False)]
