"""Files of options: contracts are found or made with their rows, whole or not at all, and marks say what changed."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from psycopg import Connection, errors
from pydantic import SecretStr
from typer.testing import CliRunner

from chandlery.gaps.import_candles import CandleImport, ContractCandles, import_contract_candles
from chandlery.platform.connection import connect
from chandlery.platform.errors import Permanent, Retryable
from chandlery.platform.settings import Settings
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from local.command_line import app
from local.contract_lots import contract_candles
from local.lots import checked_lots
from local.market_file.columns import candle_columns
from local.market_file.contract_columns import contract_columns
from local.market_file.row_columns import open_row_file
from tests.integration.market import live, put_candles
from tests.waiting import LAST_RESORT_SECONDS, wait_until

KEY = "X@AMX@EQ"
QUOTES = "time,expiry,strike,right,bid,bid_size,ask,ask_size"
FIRST = "2026-03-02T15:00:05Z,2026-04-17,50,call,1.98,10,2.02,10"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def desk(connection: Connection) -> Connection:
    """An underlying of a calendar with a half day, whose sessions are known up to one in December."""
    days = {
        date(2026, 3, 2): (14, 21),
        date(2026, 3, 20): (13, 20),
        date(2026, 4, 17): (13, 20),
        date(2026, 11, 27): (14, 18),
        date(2026, 12, 18): (14, 21),
    }
    hours = tuple(Session(day, hour_of(day, opens), hour_of(day, closes)) for day, (opens, closes) in days.items())
    sessions.replace(connection, Calendar("US", "America/New_York", min(days), max(days), hours))
    connection.execute("INSERT INTO market.feeds VALUES ('test', 60) ON CONFLICT DO NOTHING")
    instruments.add(connection, KEY, "US", "test")
    return connection


@pytest.fixture
def chandlery(desk: Connection, migrated_url: str) -> Command:
    """A command: its exit code, what it said on stdout and on stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(
            app, list(arguments), env={"DATABASE_URL": migrated_url, "CHANDLERY_PROGRESS": "false"}
        )
        return done.exit_code, done.stdout, done.stderr + str(done.exception or "")

    return command


@pytest.fixture
def bring_in(chandlery: Command, tmp_path: Path) -> Command:
    """Imports lines as a file of options."""

    def command(kind: str, *lines: str, options: Sequence[str] = ()) -> tuple[int, str, str]:
        path = tmp_path / f"{kind}.csv"
        path.write_text("\n".join(lines) + "\n")
        return chandlery("import", kind, str(path), "--underlying", KEY, *options)

    return command


def contracts(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT expires_at, strike, side, contract FROM market.option_contracts ORDER BY 1, 2, 4, 3"
    ).fetchall()


def quotes(connection: Connection, *columns: str) -> list[tuple[Any, ...]]:
    return connection.execute(
        f"SELECT c.contract, c.side, q.time, {', '.join(columns)} FROM market.option_quotes AS q"  # noqa: S608
        " JOIN market.option_contracts AS c USING (instrument_id) ORDER BY 1, 2, 3, seq"
    ).fetchall()


def take_marks(connection: Connection) -> list[tuple[datetime, str]]:
    """Takes the marks: minutes, and the keys of instruments that changed in them."""
    return connection.execute(
        "WITH taken AS (DELETE FROM market.dirty WHERE dataset = 'strike_candles' RETURNING bucket, instrument_ids)"
        " SELECT DISTINCT bucket, instrument_key FROM taken CROSS JOIN unnest(instrument_ids) AS i (instrument_id)"
        " JOIN market.instruments USING (instrument_id) ORDER BY 1, 2"
    ).fetchall()


def hour_of(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_when_a_quote_came_may_be_in_the_file_and_is_not_part_of_what_it_says(
    desk: Connection, bring_in: Command
) -> None:
    header = f"{QUOTES},received_at"
    assert bring_in("option-quotes", header, f"{FIRST},2026-03-02T15:00:06Z")[0] == 0
    code, said, _ = bring_in("option-quotes", header, f"{FIRST},2026-03-02T15:00:09Z")
    assert (code, "0 new rows, 1 known already" in said) == (0, True)
    other = FIRST.replace("1.98", "1.97")
    code, _, told = bring_in("option-quotes", header, f"{other},2026-03-02T15:00:09Z")
    assert (code, "bid 1.97; stored before: bid 1.98" in told) == (1, True)
    later = FIRST.replace("15:00:05", "15:00:07")
    assert bring_in("option-quotes", QUOTES, later)[0] == 0
    came = [row[0] for row in desk.execute("SELECT received_at FROM market.option_quotes ORDER BY time")]
    # Where the file says nothing, it is when it was imported.
    assert came[0] == datetime(2026, 3, 2, 15, 0, 6, tzinfo=UTC)
    assert came[1] > came[0]


@pytest.mark.parametrize("name", ["quotes.csv", "quotes.csv.gz", "quotes.parquet"])
def test_quotes_come_in_whole_with_their_contracts(
    desk: Connection, chandlery: Command, tmp_path: Path, name: str
) -> None:
    text = f"{QUOTES},iv,underlying\n{FIRST},0.28,50\n2026-03-02T15:00:50Z,2026-04-17,50.0,PE,,0,0.05,10,,50\n"
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(pa_csv.read_csv(io.BytesIO(text.encode())), path)
    else:
        path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    code, said, _ = chandlery("import", "option-quotes", str(path), "--underlying", KEY)
    assert (code, said.splitlines()[-1]) == (0, f"{path}: 2 new rows, 0 known already; 2 contracts made")
    expires_at = at("2026-04-17T20:00Z")
    assert contracts(desk) == [(expires_at, 50, "call", ""), (expires_at, 50, "put", "")]
    assert [row[3:] for row in quotes(desk, "bid::float", "ask::float", "iv", "seq")] == [
        (1.98, 2.02, 0.28, 0),
        (None, 0.05, None, 0),
    ]
    keys = ["X@AMX-20260417-C-50@OPTION", "X@AMX-20260417-P-50@OPTION"]
    assert take_marks(desk) == [(at("2026-03-02T15:00Z"), key) for key in keys]
    # Again it changes nothing, and leaves no mark. Retention keeps what was imported.
    code, said, _ = chandlery("import", "option-quotes", str(path), "--underlying", KEY, "--json")
    (told,) = json.loads(said)
    assert (code, told["new"], told["known"], told["contracts"], take_marks(desk)) == (0, 0, 2, 0, [])
    remembered = "SELECT table_name, instrument_key FROM market.imports JOIN market.instruments USING (instrument_id)"
    assert desk.execute(remembered).fetchall() == [("option_quotes", KEY)]


def test_rights_are_understood_by_all_their_names(desk: Connection, bring_in: Command) -> None:
    names = ["C", "call", "CE", "ce", " Call "]
    lines = [FIRST.replace("call", name).replace(":05Z", f":{n:02}Z") for n, name in enumerate(names)]
    assert bring_in("option-quotes", QUOTES, *lines)[0] == 0
    assert [row[2] for row in contracts(desk)] == ["call"]


@pytest.mark.parametrize(
    ("was", "is_now", "said"),
    [
        (",call,", ",CX,", 'column right: "CX" is no right of an option: write C, P, call, put, CE or PE'),
        (",50,call", ",0,call", 'column strike: "0" is not above zero'),
        (",50,call", ",0.0e5,call", 'column strike: "0.0e5" is not above zero'),
        (",50,call", ",-50,call", 'column strike: "-50" is negative'),
        (",50,call", ",,call", "column strike: is empty"),
        (
            "2026-04-17",
            "2026-03-01",
            'column expiry: "2026-03-01" is over at the time of the row, 2026-03-02T15:00:05Z',
        ),
        ("2026-04-17", "soon", 'column expiry: "soon" is not a date'),
        (",1.98,", ",nan,", 'column bid: "nan" is not a finite number'),
        (",10,2.02", ",-1,2.02", 'column bid_size: "-1" is negative'),
    ],
)
def test_a_bad_row_is_reported_with_its_line_and_leaves_nothing(
    desk: Connection, bring_in: Command, was: str, is_now: str, said: str
) -> None:
    code, _, error = bring_in("option-quotes", QUOTES, FIRST, FIRST.replace(was, is_now))
    assert code == 1
    assert f"option-quotes.csv line 3, {said}" in error
    assert (contracts(desk), take_marks(desk)) == ([], [])
    assert bring_in("option-quotes", QUOTES, FIRST, FIRST.replace(was, is_now), options=["--skip-bad"])[0] == 0
    assert len(contracts(desk)) == 1


def test_an_unknown_underlying_is_refused(chandlery: Command, tmp_path: Path) -> None:
    path = tmp_path / "quotes.csv"
    path.write_text(f"{QUOTES}\n{FIRST}\n")
    code, _, said = chandlery("import", "option-quotes", str(path), "--underlying", "X@AMY@EQ")
    assert (code, "no instrument X@AMY@EQ" in said) == (1, True)


def test_a_file_that_is_none_is_refused_and_says_why(desk: Connection, chandlery: Command, tmp_path: Path) -> None:
    whole = f"{QUOTES}\n{FIRST}\n"
    table = pa_csv.read_csv(io.BytesIO(whole.encode()))
    place = table.column_names.index
    wrong: dict[str, tuple[bytes | pa.Table, str]] = {
        "empty.csv": (b"", "empty.csv: is empty; it needs at least a header line"),
        "columns.csv": (
            b"time,strike,bid\n",
            "columns.csv: has no column expiry, right; its columns are: time, strike, bid",
        ),
        "cut.csv.gz": (gzip.compress(whole.encode())[:60], "cut.csv.gz: is cut short (its gzip data has no end)"),
        "naive.csv": (
            whole.replace(":05Z", ":05").encode(),
            'naive.csv line 2, column time: "2026-03-02T15:00:05" has no time zone; write an offset or Z',
        ),
        "bool.parquet": (
            table.set_column(place("strike"), "strike", pa.array([True])),
            "bool.parquet: column strike: cannot be of type bool; write numbers or text",
        ),
        "dates.parquet": (
            table.set_column(place("expiry"), "expiry", pa.array([20260417])),
            "dates.parquet: column expiry: cannot be of type int64; write dates or text",
        ),
        "naive.parquet": (
            table.set_column(place("time"), "time", pa.array([datetime(2026, 3, 2)], pa.timestamp("us"))),  # noqa: DTZ001
            "naive.parquet: column time: timestamp[us] has no time zone; write an offset or Z",
        ),
    }
    for name, (content, said) in wrong.items():
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            pq.write_table(content, path)
        code, _, error = chandlery("import", "option-quotes", str(path), "--underlying", KEY)
        assert (code, said in error) == (1, True), error
    path = tmp_path / "header.csv"
    path.write_text(QUOTES + "\n")
    assert (
        "header.csv: 0 new rows, 0 known already"
        in chandlery("import", "option-quotes", str(path), "--underlying", KEY)[1]
    )
    assert contracts(desk) == []


def test_an_option_has_no_options(desk: Connection, bring_in: Command, chandlery: Command, tmp_path: Path) -> None:
    assert bring_in("option-quotes", QUOTES, FIRST)[0] == 0
    path, expiry = str(tmp_path / "option-quotes.csv"), "X@AMX-20260417@EXPIRY"
    for key, named in (("X@AMX-20260417-C-50@OPTION", "an option"), (expiry, "an expiry")):
        code, _, said = chandlery("import", "option-quotes", path, "--underlying", key)
        assert (code, f"{key} is itself {named} of {KEY}; name the underlying: {KEY}" in said) == (1, True)
    assert len(contracts(desk)) == 1
    code, _, said = chandlery("instruments", "remove", expiry, "--with-data")
    assert (code, f"{expiry} is an expiry of {KEY} with 1 contract: it goes with its underlying" in said) == (1, True)


def test_quotes_that_are_none_are_stored_and_reported_with_their_line(desk: Connection, bring_in: Command) -> None:
    call = "2026-03-02T15:00:{},2026-04-17,50,call,{}"
    lines = [
        call.format("05Z", "0,0,0,0"),
        call.format("20Z", "2.60,10,1.90,10"),
        call.format("35Z", ",,0.05,10"),
        call.format("50Z", "1.98,10,2.02,10"),
        call.format("51Z", "-0.01,10,2.02,10"),
    ]
    code, _, said = bring_in("option-quotes", QUOTES, *lines)
    assert code == 0
    told = [
        "option-quotes.csv line 3: crossed: bid 2.60, ask 1.90",
        "option-quotes.csv line 6: negative: bid -0.01, ask 2.02",
    ]
    assert [line for line in said.splitlines() if " line " in line] == told
    assert [row[3:] for row in quotes(desk, "bid::float", "ask::float")] == [
        (0, 0), (2.6, 1.9), (None, 0.05), (1.98, 2.02), (-0.01, 2.02),
    ]  # fmt: skip


def test_twins_are_distinguished_by_the_name_of_their_contract(desk: Connection, bring_in: Command) -> None:
    rows = [f"2026-03-02T15:00:00Z,2026-12-18,100,call,{each}" for each in ("5.10,10,5.30,10", "1.00,10,1.40,10")]
    named = [f"{rows[0]},AMX   261218C00100000", f"{rows[1]},AMX1  261218C00100000"]
    assert bring_in("option-quotes", f"{QUOTES},contract", *named)[0] == 0
    assert [row[0::3] for row in quotes(desk, "bid::float")] == [("", 5.1), ("AMX1", 1.0)]
    # A file without names means the one that has none.
    assert bring_in("option-quotes", QUOTES, rows[0])[1].endswith("0 new rows, 1 known already\n")
    interest = [f"2026-03-02T11:30:00Z,2026-12-18,100,{each}" for each in ("call,4000,AMX", "C,7,AMX1", "P,9,AMX1")]
    assert bring_in("open-interest", "time,expiry,strike,right,open_interest,contract", *interest)[0] == 0
    stored = desk.execute(
        "SELECT contract, side, open_interest FROM market.open_interest"
        " JOIN market.option_contracts USING (instrument_id) ORDER BY 1, 2"
    )
    assert stored.fetchall() == [("", "call", 4000), ("AMX1", "call", 7), ("AMX1", "put", 9)]
    # One that is all there is need not be named.
    assert bring_in("open-interest", "time,expiry,strike,right,open_interest", interest[2].rpartition(",")[0])[0] == 0
    assert len(contracts(desk)) == 3


def test_rows_of_one_key_are_a_conflict_that_names_both_lines(desk: Connection, bring_in: Command) -> None:
    other = FIRST.replace("1.98", "1.00")
    code, said, error = bring_in("option-quotes", QUOTES, FIRST, FIRST, other)
    assert (code, "1 new row, 1 known already, 1 row in conflict" in said) == (1, True)
    assert (
        "line 4: X@AMX-20260417-C-50@OPTION, time 2026-03-02T15:00:05+00:00, seq 0: bid 1.00; line 2: bid 1.98" in error
    )
    assert [row[3] for row in quotes(desk, "bid::float")] == [1.98]
    code, _, error = bring_in("option-quotes", QUOTES, other, options=["--on-conflict", "refuse"])
    assert (code, "stored before: bid 1.98" in error) == (1, True)
    assert bring_in("option-quotes", QUOTES, other, options=["--on-conflict", "replace"])[0] == 0
    assert [row[3] for row in quotes(desk, "bid::float")] == [1.0]
    # Where a feed numbers its quotes, none is lost.
    assert bring_in("option-quotes", f"{QUOTES},seq", f"{FIRST},1", f"{other},2")[0] == 0
    assert [row[3] for row in quotes(desk, "seq")] == [0, 1, 2]


def test_a_cancellation_wins_in_whatever_order_it_comes(desk: Connection, bring_in: Command) -> None:
    header, early = f"{QUOTES},cancelled", FIRST.replace(":05Z", ":01Z")
    bring_in("option-quotes", QUOTES, FIRST)
    take_marks(desk)
    code, said, _ = bring_in("option-quotes", header, f"{FIRST},1", f"{early},1")
    assert (code, said.splitlines()[-1].partition(": ")[2]) == (0, "1 new row, 1 known already, 1 cancelled")
    assert len(take_marks(desk)) == 1
    code, said, _ = bring_in("option-quotes", QUOTES, FIRST, early.replace("1.98", "1.5"))
    assert (code, said.splitlines()[-1].partition(": ")[2]) == (0, "0 new rows, 2 known already")
    assert [row[3] for row in quotes(desk, "cancelled")] == [True, True]
    assert take_marks(desk) == []


def test_trades_are_ticks_and_become_candles(desk: Connection, bring_in: Command) -> None:
    header, row = "time,expiry,strike,right,price,size", "2026-03-02T15:00:{},2026-03-20,{},{},{}"
    lines = [row.format("01Z", 110, "call", "0.20,5000"), row.format("01Z", 110, "call", "0.25,10")]
    code, said, _ = bring_in("option-trades", header, *lines, row.format("02Z", 95, "P", "0.35,10"))
    assert (code, "3 new rows, 0 known already; 2 contracts made" in said) == (0, True)
    assert bring_in("option-trades", header, *lines, row.format("02Z", 95, "P", "0.35,10"))[0] == 0
    assert take_marks(desk) == []
    live(desk, at("2026-03-02T15:02Z"))
    candles = (
        "SELECT instrument_key, open::float, close::float, volume::float"
        " FROM market.candles JOIN market.instruments USING (instrument_id) ORDER BY 1"
    )
    calls, puts = "X@AMX-20260320-C-110@OPTION", "X@AMX-20260320-P-95@OPTION"
    assert desk.execute(candles).fetchall() == [(calls, 0.2, 0.25, 5010), (puts, 0.35, 0.35, 10)]
    # Their candles show what is made of options.
    assert take_marks(desk) == [(at("2026-03-02T15:00Z"), key) for key in (calls, puts)]
    # An option is expected to trade at no time.
    expected = "SELECT instrument_key FROM market.lives JOIN market.instruments USING (instrument_id)"
    assert desk.execute(expected).fetchall() == [(KEY,)]
    code, _, said = bring_in("option-trades", header, row.format("03Z", 95, "P", "-0.35,10"))
    assert (code, 'line 2, column price: "-0.35" is negative' in said) == (1, True)


def test_trades_may_be_minutes(desk: Connection, bring_in: Command) -> None:
    header = "time,expiry,strike,right,open,high,low,close,volume"
    row = "2026-03-02T15:0{}:00Z,2026-03-20,110,{},0.25,0.26,0.24,0.25,57"
    code, said, _ = bring_in("option-trades", header, row.format(0, "C"), row.format(0, "P"), row.format(1, "C"))
    assert (code, "3 candles written, 0 revised, 0 unchanged; 2 contracts made" in said) == (0, True)
    assert bring_in("option-trades", header, row.format(0, "C"))[1].endswith(
        "0 candles written, 0 revised, 1 unchanged\n"
    )
    found = desk.execute("SELECT DISTINCT source::text, volume::float FROM market.candles").fetchall()
    assert found == [("vendor_historical", 57)]
    assert len(take_marks(desk)) == 3
    code, _, error = bring_in("option-trades", header, row.format(2, "C"), row.format(2, "call"))
    assert (code, "line 3, column time: the contract's minute is already on line 2" in error) == (1, True)
    code, _, error = bring_in("option-trades", header, row.format(3, "C").replace("0.24", "0.255"))
    assert (code, "low" in error) == (1, True)
    assert len(take_marks(desk)) == 0


def test_what_stops_an_import_of_minutes_leaves_nothing(desk: Connection, tmp_path: Path, database_url: str) -> None:
    """Lots beyond the first, a connection that breaks, a contract by two names: none, or all, and again the same."""
    path = tmp_path / "minutes.csv"
    row = "2026-03-02T15:0{}:00Z,{},110,C,0.25,0.26,0.24,0.25,57"
    header = "time,expiry,strike,right,open,high,low,close,volume"
    fridays = [row.format(minute, "2026-03-20") for minute in range(6)]
    path.write_text("\n".join([header, *fridays]) + "\n")
    underlying = instruments.find(desk, KEY)
    opened = partial(open_row_file, path, [*contract_columns(), *candle_columns(at("2026-03-03T00:00Z"))])

    def bring_in(connection: Connection, breaks_at: int = -1) -> CandleImport:
        def broken(lots: Iterator[ContractCandles]) -> Iterator[ContractCandles]:
            for number, lot in enumerate(lots):
                if number == breaks_at:
                    connection.close()
                yield lot

        made = partial(contract_candles, "AMX")
        ignore: Callable[..., None] = lambda *_: None  # noqa: E731
        with checked_lots(opened, path, made, None, ignore, ignore, lot_candles=2) as lots:
            return import_contract_candles(connection, underlying, broken(lots))

    with connect(Settings(database_url=SecretStr(database_url)), "test") as own, pytest.raises(Retryable):
        bring_in(own, breaks_at=2)
    stored = "SELECT (SELECT count(*) FROM market.candles), (SELECT count(*) FROM market.option_contracts)"
    assert desk.execute(stored).fetchone() == (0, 0)
    # A Saturday is the Friday before it: the same contract, whose minute is there twice.
    path.write_text("\n".join([header, *fridays, row.format(0, "2026-03-21")]) + "\n")
    with pytest.raises(Permanent, match="the call 110 of 2026-03-21 has the minute 2026-03-02T15:00Z twice"):
        bring_in(desk)
    assert (desk.execute(stored).fetchone(), take_marks(desk)) == ((0, 0), [])
    path.write_text("\n".join([header, *fridays]) + "\n")
    assert bring_in(desk) == CandleImport(6, written=6, revised=0, contracts=1)
    assert bring_in(desk) == CandleImport(6, written=0, revised=0)
    assert desk.execute(stored).fetchone() == (6, 1)


def test_open_interest_is_kept_as_it_was_published(desk: Connection, bring_in: Command) -> None:
    row = "2026-03-0{}T11:30:00Z,2026-03-20,{},call,{}"
    lines = [row.format(4, 100, 300), row.format(3, 100, 900), row.format(3, 105, 0)]
    assert bring_in("open-interest", "time,expiry,strike,right,open_interest", *lines)[0] == 0
    stored = desk.execute(
        "SELECT strike, time, open_interest FROM market.open_interest"
        " JOIN market.option_contracts USING (instrument_id) ORDER BY 1, 2"
    )
    third, fourth = at("2026-03-03T11:30Z"), at("2026-03-04T11:30Z")
    assert stored.fetchall() == [(100, third, 900), (100, fourth, 300), (105, third, 0)]
    assert [bucket for bucket, _ in take_marks(desk)] == [third, third, fourth]
    code, _, said = bring_in("open-interest", "time,expiry,strike,right,open_interest", row.format(3, 100, -1))
    assert (code, 'line 2, column open_interest: "-1" is negative' in said) == (1, True)


def test_a_contract_expires_at_the_close_of_its_session(desk: Connection, chandlery: Command, tmp_path: Path) -> None:
    lines = [
        "2026-11-27,50,call,,",
        # A Saturday; a day that no session is known of yet; and a time of its own.
        "2026-03-21,50,call,,",
        "2027-07-16,50,call,,",
        "2026-12-18,50,call,AM,2026-12-18T14:30Z",
    ]
    header = "expiry,strike,right,contract,expires_at"
    path = tmp_path / "contracts.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    code, said, _ = chandlery("contracts", "import", str(path), "--underlying", KEY)
    assert (code, "4 contracts made, 0 changed, 0 known" in said) == (0, True)
    closes = ["2026-03-20T20:00Z", "2026-11-27T18:00Z", "2026-12-18T14:30Z", "2027-07-16T20:00Z"]
    assert [row[0] for row in contracts(desk)] == [at(close) for close in closes]
    listed = list(csv.DictReader(io.StringIO(chandlery("contracts", "list", KEY, "--csv")[1])))
    assert [each["key"] for each in listed][1:3] == [
        "X@AMX-20261127-C-50@OPTION",
        "X@AMX-20261218T1430-C-50-AM@OPTION",
    ]
    expiring = desk.execute("SELECT delisted_at FROM market.instruments WHERE instrument_key LIKE %s", ["%1127-C%"])
    assert expiring.fetchall() == [(at("2026-11-27T18:00Z"),)]


def test_a_saturday_is_the_friday_before_it(desk: Connection, bring_in: Command) -> None:
    lines = [FIRST.replace("2026-04-17", day) for day in ("2026-03-20", "2026-03-21")]
    assert "1 new row, 1 known already; 1 contract made" in bring_in("option-quotes", QUOTES, *lines)[1]
    assert "0 new rows, 1 known already" in bring_in("option-quotes", QUOTES, lines[1])[1]


def test_names_that_make_one_key_are_refused(desk: Connection, bring_in: Command) -> None:
    code, _, said = bring_in("option-quotes", f"{QUOTES},contract", f"{FIRST},A B", f"{FIRST},A_B")
    assert (code, "the call 50 of 2026-04-17 (contract A_B) has the key of another instrument" in said) == (1, True)
    assert contracts(desk) == []


def test_terms_of_contracts_are_imported(desk: Connection, chandlery: Command, tmp_path: Path) -> None:
    path = tmp_path / "contracts.csv"
    path.write_text("expiry,strike,right,multiplier,style\n2026-12-18,50,C,150,\n2026-12-18,50,P,,american\n")
    terms = "SELECT side, multiplier, style, model, currency FROM market.option_contracts ORDER BY 1"
    assert chandlery("contracts", "import", str(path), "--underlying", KEY)[0] == 0
    rest = ("black_scholes_merton", "USD")
    assert desk.execute(terms).fetchall() == [("call", 150, "european", *rest), ("put", 1, "american", *rest)]
    path.write_text("expiry,strike,right,currency\n2026-12-18,50,C,EUR\n2026-12-18,50,P,\n")
    assert "0 contracts made, 1 changed, 1 known" in chandlery("contracts", "import", str(path), "--underlying", KEY)[1]
    assert desk.execute(terms).fetchall()[0] == ("call", 150, "european", rest[0], "EUR")
    path.write_text("expiry,strike,right,style\n2026-12-18,50,C,european\n2026-12-18,50,C,american\n")
    code, _, said = chandlery("contracts", "import", str(path), "--underlying", KEY)
    assert (code, "line 3: says other terms than line 2" in said) == (1, True)


def test_rates_are_imported(desk: Connection, chandlery: Command, tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    row = "2026-03-02T00:00:00Z,USD,{},{}\n"
    path.write_text("time,currency,days,rate\n" + row.format(30, 0.04) + row.format(30, 0.05) + row.format(90, -0.01))
    code, said, error = chandlery("import", "rates", str(path))
    assert (code, "2 new rates, 0 known already, 1 row in conflict" in said) == (1, True)
    assert "line 3: currency USD, time 2026-03-02T00:00:00+00:00, days 30: rate 0.05; line 2: rate 0.04" in error
    assert chandlery("import", "rates", str(path), "--on-conflict", "refuse")[0] == 1
    assert chandlery("import", "rates", str(path), "--on-conflict", "replace")[0] == 0
    assert desk.execute("SELECT days, rate::float FROM market.rates ORDER BY 1").fetchall() == [(30, 0.05), (90, -0.01)]
    path.write_text("time,currency,days,rate\n" + row.format(60, 5.25))
    told = chandlery("import", "rates", str(path))[2]
    assert "rates.csv line 2: 5.25 is 525% a year; rates are fractions: 0.05 is 5 %" in told
    path.write_text("time,currency,days,rate\n" + row.format(0, 0.04))
    assert 'line 2, column days: "0" is' in chandlery("import", "rates", str(path))[2]


def test_plain_sql_leaves_marks_too(desk: Connection, bring_in: Command) -> None:
    bring_in("option-quotes", QUOTES, FIRST)
    key, minute = "X@AMX-20260417-C-50@OPTION", at("2026-03-02T15:00Z")
    take_marks(desk)
    desk.execute("UPDATE market.option_quotes SET time = time - INTERVAL '2 minutes', bid = 3")
    assert take_marks(desk) == [(minute - timedelta(minutes=2), key), (minute, key)]
    desk.execute(
        "INSERT INTO market.open_interest (instrument_id, time, open_interest)"
        " SELECT instrument_id, time, 5 FROM market.option_quotes"
    )
    desk.execute("DELETE FROM market.option_quotes")
    desk.execute("DELETE FROM market.open_interest")
    assert take_marks(desk) == [(minute - timedelta(minutes=2), key)]
    # The underlying's candle changes what is made of its options; that of any other instrument does not.
    instruments.add(desk, "X@OTHER@EQ", "US", "test")
    ids = {each.key: each.instrument_id for each in instruments.list_all(desk)}
    put_candles(desk, [ids[KEY], ids["X@OTHER@EQ"]], [minute, minute])
    desk.execute("UPDATE market.candles SET close = 1.5, high = 2")
    desk.execute("DELETE FROM market.candles")
    assert take_marks(desk) == [(minute, KEY)]
    with pytest.raises(errors.ForeignKeyViolation, match=r"is not in market\.option_contracts"):
        desk.execute(
            "INSERT INTO market.option_quotes (instrument_id, time)"
            " SELECT instrument_id, %s FROM market.instruments WHERE instrument_key = %s",
            [minute, KEY],
        )


def test_options_go_with_their_underlying(desk: Connection, bring_in: Command, chandlery: Command) -> None:
    bring_in("option-quotes", QUOTES, FIRST)
    bring_in("option-trades", "time,expiry,strike,right,price,size", "2026-03-02T15:00:01Z,2026-04-17,50,P,1,1")
    code, _, said = chandlery("instruments", "remove", KEY)
    assert (code, f"{KEY} has 2 contracts; to delete them as well, for good: --with-data" in said) == (1, True)
    assert chandlery("instruments", "remove", KEY, "--with-data")[0] == 0
    for table in ("instruments", "option_contracts", "option_quotes", "ticks", "imports"):
        assert desk.execute(f"SELECT FROM market.{table}").rowcount == 0, table


def test_two_imports_at_once_make_a_contract_once(
    desk: Connection, server_url: str, migrated_url: str, chandlery: Command, tmp_path: Path
) -> None:
    for name, minute in (("a", "00"), ("b", "01")):
        (tmp_path / f"{name}.csv").write_text(f"{QUOTES}\n{FIRST.replace('15:00', f'15:{minute}')}\n")
    with connect(Settings(database_url=SecretStr(migrated_url)), "other") as other, ThreadPoolExecutor(1) as pool:
        with other.transaction():
            underlying = other.execute("SELECT instrument_id FROM market.instruments").fetchone()
            other.execute("SELECT pg_advisory_xact_lock(hashtext('market.option_contracts'), %s)", underlying)
            importing = pool.submit(chandlery, "import", "option-quotes", str(tmp_path / "a.csv"), "--underlying", KEY)
            wait_until(
                lambda: other.execute("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory'").rowcount,
                "it waits",
            )
        assert importing.result(LAST_RESORT_SECONDS)[0] == 0
    assert chandlery("import", "option-quotes", str(tmp_path / "b.csv"), "--underlying", KEY)[0] == 0
    assert len(contracts(desk)) == 1


def test_a_day_of_real_quotes(desk: Connection, chandlery: Command, real_data: Path) -> None:
    folder = real_data / "us-options-1m"
    half_day = datetime(2015, 12, 24, tzinfo=UTC)
    closes = Session(half_day.date(), half_day.replace(hour=14, minute=30), half_day.replace(hour=18))
    sessions.replace(desk, Calendar("US", "America/New_York", closes.session_date, closes.session_date, (closes,)))
    for kind, name, rows in (("open-interest", "open-interest", 1378), ("option-trades", "trades", 904)):
        path = folder / f"GOOG-2015-12-24-{name}.csv.gz"
        code, said, error = chandlery("import", kind, str(path), "--underlying", KEY, "--json")
        assert code == 0, error
        assert json.loads(said)[0]["read"] == rows
    assert desk.execute("SELECT count(*), min(expires_at) FROM market.option_contracts").fetchone() == (
        1383,
        half_day.replace(hour=18),
    )
    with gzip.open(folder / "GOOG-2015-12-24-trades.csv.gz", "rt") as file:
        volumes = [int(row["volume"]) for row in csv.DictReader(file)]
    assert desk.execute("SELECT count(*), sum(volume) FROM market.candles").fetchone() == (904, sum(volumes))
