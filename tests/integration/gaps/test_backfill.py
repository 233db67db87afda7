"""`chandlery backfill`: an instrument's incomplete days, filled with a vendor's candles by hand."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from chandlery.reference.store import instruments, sessions
from chandlery.words.window import DAY, HOUR, Window
from local import calendars
from local.command_line import main
from tests.conftest import REPO
from tests.integration.market import MINUTE, candles_of, put_candles, row_versions
from tests.vendor_server import VendorServer, alter, bar, refuse, stay_silent
from tests.waiting import LAST_RESORT_SECONDS, wait_until

KEY = "XNYS@IBM@EQ"
# Monday to Friday; New York is open from 13:30 to 20:00 UTC.
WEEK = ("--from", "2013-10-07", "--to", "2013-10-12")
Result = tuple[int, str, str]
Chandlery = Callable[..., Result]


def opens(day: int) -> datetime:
    return datetime(2013, 10, day, 13, 30, tzinfo=UTC)


def session(day: int, count: int = 390) -> list[datetime]:
    return [opens(day) + n * MINUTE for n in range(count)]


def give(vendor: VendorServer, *times: datetime) -> None:
    vendor.give("IBM", *(bar(at, o=180, h=181.5, l=179, c=180.25, v=100, vw=180.1, n=3) for at in times))


def asked(vendor: VendorServer) -> list[tuple[str, str]]:
    """First and last minute of each request."""
    paths = [request.path.split("/") for request in vendor.requests]
    return [(_moment(path[8]), _moment(path[9])) for path in paths]


def _moment(epoch_ms: str) -> str:
    return datetime.fromtimestamp(int(epoch_ms) / 1000, UTC).strftime("%dT%H:%M")


@pytest.fixture
def vendor() -> Iterator[VendorServer]:
    with VendorServer() as server:
        server.give("IBM")
        yield server


@pytest.fixture
def environment(database_url: str, vendor: VendorServer) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "VENDOR": "polygon",
        "VENDOR_URL": vendor.url,
        "VENDOR_API_KEY": vendor.key,
        "VENDOR_DEADLINE_SECONDS": "0.3",
    }


@pytest.fixture
def ibm(connection: Connection) -> Connection:
    sessions.replace(connection, calendars.from_library("XNYS", date(2013, 9, 1), date(2013, 10, 31)))
    instruments.add(connection, KEY, "XNYS", "cts", tickers={"polygon": "IBM"})
    return connection


@pytest.fixture
def chandlery(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Chandlery:
    """Runs a command in this process: exit code, stdout, stderr."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["chandlery", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def filled(chandlery: Chandlery, *arguments: str) -> dict[str, int]:
    code, out, err = chandlery("backfill", KEY, *arguments, "--json")
    counts: dict[str, int] = json.loads(out)
    # No progress bar where nobody watches.
    assert (code, len(err.splitlines())) == (0, int(counts["candles_read"] > 0))
    assert all(
        "retention drops candles older than 90 days, but keeps imported ones" in line for line in err.splitlines()
    )
    return counts


def stored(connection: Connection) -> list[tuple[Any, ...]]:
    mine = candles_of(connection, 1, Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC)))
    return [(c.time, c.open, c.high, c.low, c.close, c.volume) for c in mine]


def test_real_candles_come_as_the_vendor_has_them(
    ibm: Connection, chandlery: Chandlery, vendor: VendorServer, real_data: Path
) -> None:
    with gzip.open(real_data / "us-candles-1m" / "IBM.csv.gz", "rt") as file:
        rows = list(csv.reader(file))[1:]
    for at, *numbers in rows:
        o, h, l, c, v = map(float, numbers)  # noqa: E741
        vendor.give("IBM", bar(datetime.fromisoformat(at), o, h, l, c, v))
    theirs = [(datetime.fromisoformat(at), *map(Decimal, numbers)) for at, *numbers in rows]
    counts = filled(chandlery, *WEEK)
    assert stored(ibm) == theirs
    assert (counts["days"], counts["days_empty"], counts["days_complete"]) == (5, 0, 0)
    assert (counts["candles_read"], counts["candles_written"]) == (len(theirs), len(theirs))
    assert len(vendor.requests) == 5
    # Again: only days with quiet minutes are asked for, and nothing is written.
    before, vendor.requests[:] = row_versions(ibm), []
    known = {row[0] for row in theirs}
    quiet = [day for day in range(7, 12) if not known.issuperset(session(day))]
    again = filled(chandlery, *WEEK)
    assert (again["days"], again["candles_written"], again["candles_revised"]) == (len(quiet), 0, 0)
    assert [first[:2] for first, _ in asked(vendor)] == [f"{day:02}" for day in quiet]
    assert row_versions(ibm) == before


def test_complete_days_are_passed_over(ibm: Connection, chandlery: Chandlery, vendor: VendorServer) -> None:
    give(vendor, *session(8), *session(10))
    assert filled(chandlery, "--from", "2013-10-08", "--to", "2013-10-09")["candles_written"] == 390
    vendor.requests.clear()
    counts = filled(chandlery, *WEEK)
    assert [first for first, _ in asked(vendor)] == ["07T00:00", "09T00:00", "10T00:00", "11T00:00"]
    assert counts == {
        "days": 4,
        "days_empty": 3,
        "days_complete": 1,
        "candles_read": 390,
        "candles_written": 390,
        "candles_revised": 0,
    }
    code, out, err = chandlery("backfill", KEY, *WEEK)
    assert (code, err) == (0, "")
    assert out == (
        f"{KEY}: 3 days asked for, 3 of them empty at the vendor, 2 complete before;"
        " 0 candles received, 0 written, 0 revised\n"
    )


def test_days_at_the_ends_are_asked_for_in_part(ibm: Connection, chandlery: Chandlery, vendor: VendorServer) -> None:
    give(vendor, *session(7), *session(8), *session(9))
    window = ("--from", "2013-10-07T15:00Z", "--to", "2013-10-09T14:00Z")
    assert filled(chandlery, *window)["candles_written"] == 300 + 390 + 30
    assert asked(vendor) == [("07T15:00", "07T23:59"), ("08T00:00", "08T23:59"), ("09T00:00", "09T13:59")]
    assert (stored(ibm)[0][0], stored(ibm)[-1][0]) == (opens(7) + 90 * MINUTE, opens(9) + 29 * MINUTE)
    assert filled(chandlery, *window) | {"days": 0, "days_complete": 3} == filled(chandlery, *window)
    assert len(vendor.requests) == 3


def test_candles_of_ticks_stay_unless_partial(ibm: Connection, chandlery: Chandlery, vendor: VendorServer) -> None:
    stored_before = {"open": 7, "high": 7, "low": 7, "close": 7, "partial": [False, True]}
    put_candles(ibm, 1, [opens(8), opens(8) + MINUTE], source="historical_aggregated", version=1, **stored_before)
    give(vendor, *session(8))
    counts = filled(chandlery, "--from", "2013-10-08", "--to", "2013-10-09")
    assert (counts["candles_written"], counts["candles_revised"]) == (388, 1)
    assert [row[1] for row in stored(ibm)[:3]] == [7, 180, 180]


def test_a_vendor_that_fails_leaves_the_days_before(
    ibm: Connection, chandlery: Chandlery, vendor: VendorServer
) -> None:
    give(vendor, *(at for day in range(7, 12) for at in session(day)))
    usual = alter(lambda page: page)
    vendor.fault(usual, usual)
    vendor.fault(refuse(429, retry_after="60"), always=True)
    code, out, err = chandlery("backfill", KEY, *WEEK)
    assert (code, out, len(err.splitlines())) == (1, "", 2)
    assert err.startswith(f"{KEY}: begins at 2013-10-07T13:30:00Z; retention drops candles older than 90 days, but")
    assert err.splitlines()[1].startswith("chandlery: polygon ")
    assert "429" in err
    assert vendor.key not in err
    assert {row[0].day for row in stored(ibm)} == {7, 8}
    vendor.heal()
    vendor.requests.clear()
    counts = filled(chandlery, *WEEK)
    assert (counts["days"], counts["days_complete"]) == (3, 2)
    assert [first for first, _ in asked(vendor)] == ["09T00:00", "10T00:00", "11T00:00"]
    assert len(stored(ibm)) == 5 * 390


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_goes_on_when_repeated(
    ibm: Connection, chandlery: Chandlery, vendor: VendorServer, environment: dict[str, str], how: signal.Signals
) -> None:
    give(vendor, *(at for day in range(7, 12) for at in session(day)))
    usual = alter(lambda page: page)
    vendor.fault(usual, usual, stay_silent)
    process = subprocess.Popen(
        [sys.executable, "-c", "from local.command_line import main; main()", "backfill", KEY, *WEEK],
        env=os.environ
        | environment
        | {
            "VENDOR_DEADLINE_SECONDS": str(LAST_RESORT_SECONDS),
            "PYTHONPATH": f"{REPO}{os.pathsep}{REPO / 'layers' / 'chandlery'}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: len(vendor.requests) >= 3 or process.poll() is not None, "a third request")
    process.send_signal(how)
    out, err = process.communicate()
    assert (process.returncode, out) == (130 if how == signal.SIGINT else -how, "")
    assert "Traceback" not in err
    assert {row[0].day for row in stored(ibm)} == {7, 8}
    vendor.heal()
    vendor.requests.clear()
    assert filled(chandlery, *WEEK)["days"] == 3
    assert [first for first, _ in asked(vendor)] == ["09T00:00", "10T00:00", "11T00:00"]
    assert len(stored(ibm)) == 5 * 390


def test_days_before_a_listing_are_not_asked_for(ibm: Connection, chandlery: Chandlery, vendor: VendorServer) -> None:
    instruments.add(ibm, KEY, "XNYS", "cts", listed_at=opens(9) + HOUR, delisted_at=opens(10) + HOUR)
    give(vendor, *session(9)[60:], *session(10, 60))
    assert filled(chandlery, *WEEK)["candles_written"] == 390
    assert [first for first, _ in asked(vendor)] == ["09T00:00", "10T00:00"]
    assert filled(chandlery, *WEEK)["days_complete"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((KEY, "--from", "2013-10-05", "--to", "2013-10-07"), 1, "XNYS has no session between 2013-10-05T00:00:00+00"),
        ((KEY, "--from", "2013-08-30", "--to", "2013-09-05"), 1, "known from 2013-09-01 to 2013-10-31, not all of 20"),
        ((KEY, "--from", "2013-08-30", "--to", "2013-09-05"), 1, "sessions sync --calendar XNYS --from 2013-08-30"),
        ((KEY, "--from", "2013-10-30", "--to", "2013-11-02"), 1, "not all of 2013-10-30 to 2013-11-01"),
        (("A@B@C", *WEEK), 1, "no instrument A@B@C; did you mean XNYS@C@EQ? Else add it first"),
        (("XNYS@AIG@EQ", *WEEK), 1, "XNYS@AIG@EQ has no ticker at polygon; add it: chandlery instruments set"),
        (("XNYS@AIG@EQ", *WEEK), 1, "set XNYS@AIG@EQ --ticker polygon=TICKER"),
        (("XNYS@C@EQ", *WEEK), 1, "polygon does not know the ticker CCC"),
        ((KEY, "--from", "2013-10-07", "--to", "2013-10-07"), 2, "is not before --to"),
        ((KEY, "--from", "2013-10-08", "--to", "2013-10-07"), 2, "is not before --to"),
        ((KEY, "--from", "2099-10-08", "--to", "2099-10-09"), 2, "is not before --to"),
        ((KEY, "--from", "2013-10-08"), 2, "Missing option '--to'"),
    ],
)
def test_what_cannot_be_done_is_reported(
    ibm: Connection, chandlery: Chandlery, arguments: tuple[str, ...], code: int, message: str
) -> None:
    instruments.add(ibm, "XNYS@AIG@EQ", "XNYS", "cts")
    instruments.add(ibm, "XNYS@C@EQ", "XNYS", "cts", tickers={"polygon": "CCC"})
    ended, out, err = chandlery("backfill", *arguments)
    assert (ended, out) == (code, "")
    assert message in " ".join(err.replace("│", "").split())
    assert code == 2 or len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "VENDOR",
            "chandlery: no vendor is set: set VENDOR=polygon and VENDOR_API_KEY, or VENDOR=ccxt\n",
        ),
        ("VENDOR_API_KEY", "chandlery: no key for the vendor is named: set VENDOR_API_KEY or VENDOR_SECRET_ID\n"),
    ],
)
def test_a_vendor_not_set_up_is_one_line(
    ibm: Connection, chandlery: Chandlery, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.delenv(name)
    assert chandlery("backfill", KEY, *WEEK) == (1, "", message)


def test_an_instrument_that_never_had_data(ibm: Connection, chandlery: Chandlery, vendor: VendorServer) -> None:
    counts = filled(chandlery, *WEEK)
    assert (counts["days"], counts["days_empty"], counts["candles_read"]) == (5, 5, 0)
    assert instruments.find(ibm, KEY).data_from is None
    give(vendor, *session(8))
    filled(chandlery, *WEEK)
    # From now on, gap monitors expect candles of it.
    assert instruments.find(ibm, KEY).data_from == opens(8)


def test_the_running_minute_is_not_asked_for(ibm: Connection, chandlery: Chandlery, vendor: VendorServer) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    sessions.replace(ibm, calendars.from_library("24/7", (today - DAY).date(), (today + DAY).date()))
    instruments.add(ibm, "X@BTC@CRYPTO", "24/7", "x", tickers={"polygon": "IBM"})
    start = (today - HOUR).isoformat()
    code, _, err = chandlery("backfill", "X@BTC@CRYPTO", "--from", start, "--to", (today + DAY).isoformat())
    assert (code, err) == (0, "")
    last = int(vendor.requests[-1].path.split("/")[9]) / 1000
    assert datetime.fromtimestamp(last, UTC) <= datetime.now(UTC) - MINUTE
