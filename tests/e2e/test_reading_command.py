"""What commands print, and what happens where nobody reads it; on the embedded database."""

import fcntl
import json
import os
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from tests.e2e.commands import ENVIRONMENT, KEY, PROGRAM, Chandlery

WINDOW = ("--from", "2026-02-27T12:00Z", "--to", "2026-02-27T13:00Z")


@pytest.fixture(scope="module")
def history(chandlery: Chandlery, tmp_path_factory: pytest.TempPathFactory) -> Chandlery:
    path = tmp_path_factory.mktemp("files") / "candles.csv"
    path.write_text(
        "time,open,high,low,close,volume,vwap\n2026-02-27T12:00:00Z,7.12345678,9.12345678,6,8,123456789,7.123456789012\n"
    )
    imported = chandlery("import", "candles", str(path), "--instrument", KEY, "--aggregate")
    assert imported.returncode == 0, imported.stderr
    return chandlery


def on_a_terminal(chandlery: Chandlery, columns: int, *arguments: str) -> str:
    url = chandlery("db", "url").stdout.strip()
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    # Its size is what the terminal says, and not what a variable does, which tools that tests use leave behind.
    own = {name: value for name, value in ENVIRONMENT.items() if name not in ("COLUMNS", "LINES")}
    environment = own | {"DATABASE_URL": url, "TERM": "xterm"}
    done = subprocess.run([*PROGRAM, *arguments], env=environment, stdin=its, stdout=its, stderr=its, check=True)
    assert done.returncode == 0
    os.close(its)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # as a terminal ends on Linux
        pass
    os.close(ours)
    return re.sub(r"\x1b\[\d*m|\r", "", shown.decode())


@pytest.mark.parametrize(("timeframe", "columns"), [("1m", 80), ("5m", 100)])
def test_a_narrow_terminal_goes_without_columns_and_cuts_off_no_cell(
    history: Chandlery, timeframe: str, columns: int
) -> None:
    shown = on_a_terminal(history, columns, "candles", KEY, timeframe, *WINDOW)
    table, _, remark = shown.partition("left out to fit ")
    assert "2026-02-27T12:00:00Z   7.12345678   9.12345678   6     8       123456789 " in table
    assert max(map(len, table.splitlines())) <= columns
    assert "…" not in table
    assert remark.startswith(f"{columns} characters: ")


@pytest.mark.parametrize("timeframe", ["1m", "5m"])
def test_a_pipe_gets_every_column_whole(history: Chandlery, timeframe: str) -> None:
    shown = history("candles", KEY, timeframe, *WINDOW)
    assert (shown.returncode, shown.stderr) == (0, "")
    (row,) = [line.split() for line in shown.stdout.splitlines() if "2026-02-27T12:00:00Z" in line]
    assert row[:7] == ["2026-02-27T12:00:00Z", "7.12345678", "9.12345678", "6", "8", "123456789", "7.123456789012"]
    assert "vendor_historical" in row


def test_csv_and_json_exclude_each_other(history: Chandlery) -> None:
    refused = history("candles", KEY, "1m", *WINDOW, "--csv", "--json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--csv and --json exclude each other" in refused.stderr


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("options", [("--csv",), ()])
def test_a_reader_that_has_gone_ends_a_command_without_a_word(history: Chandlery, options: tuple[str, ...]) -> None:
    url = history("db", "url").stdout.strip()
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*PROGRAM, "candles", KEY, "1m", *WINDOW, *options],
        env=ENVIRONMENT | {"DATABASE_URL": url},
        stdout=write, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("arguments", [("--version",), ("candles", KEY, "1m", *WINDOW, "--csv")])
def test_an_output_that_is_full_is_one_line(history: Chandlery, arguments: tuple[str, ...]) -> None:
    url = history("db", "url").stdout.strip()
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments],
            env=ENVIRONMENT | {"DATABASE_URL": url},
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    told = "chandlery: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_version_and_help_have_short_answers(chandlery: Chandlery) -> None:
    version = chandlery("--version")
    assert version.returncode == 0
    assert version.stdout.startswith("chandlery 0.")
    for command in ((), ("migrate", "upgrade")):
        short, long = (chandlery(*command, flag) for flag in ("-h", "--help"))
        assert short.returncode == 0
        assert "Usage: " in short.stdout
        assert short.stdout == long.stdout


def test_metrics_are_printed_where_asked(chandlery: Chandlery) -> None:
    command = ("invoke", "live_processor", "--at", "2026-03-02T12:00Z")
    plain, asked = chandlery(*command), chandlery(*command, "--metrics")
    assert (plain.returncode, asked.returncode) == (0, 0)
    assert '"message":"run succeeded"' in plain.stderr
    assert "CloudWatchMetrics" not in plain.stdout + plain.stderr
    metrics = [json.loads(line) for line in asked.stderr.splitlines() if "CloudWatchMetrics" in line]
    assert {each["service"] for each in metrics} == {"live_processor"}
    assert "CloudWatchMetrics" not in asked.stdout


def test_a_key_that_is_not_known_is_answered_with_the_one_that_was_meant(chandlery: Chandlery) -> None:
    for given in ("A", "Y@A@EQ", "x:a"):
        refused = chandlery("candles", given, "1m", *WINDOW)
        assert (refused.returncode, f"did you mean {KEY}?" in refused.stderr) == (1, True), refused.stderr
    assert "add it first: chandlery instruments add Y@A@EQ" in chandlery("gaps", "Y@A@EQ").stderr
    assert "add it first" not in chandlery("gaps", "A").stderr


def test_ignored_columns_are_named(chandlery: Chandlery, tmp_path: Path) -> None:
    ticks, candles = tmp_path / "ticks.csv", tmp_path / "candles.csv"
    ticks.write_text("time,price,size,sequence,note\n2026-03-03T12:00:00Z,7,1,1,x\n")
    candles.write_text("time,open,high,low,close,volume,trade\n2026-02-26T12:00:00Z,7,9,6,8,5,1\n")
    of_ticks = chandlery("import", "ticks", str(ticks), "--instrument", KEY, "--json")
    assert f"{ticks}: ignored columns: sequence (did you mean seq?), note\n" in of_ticks.stderr
    assert json.loads(of_ticks.stdout)[0]["ignored_columns"] == {"sequence": "seq", "note": None}
    of_candles = chandlery("import", "candles", str(candles), "--instrument", KEY, "--json")
    assert of_candles.stderr.startswith(f"{candles}: ignored columns: trade (did you mean trades?)\n")
    assert json.loads(of_candles.stdout)[0]["ignored_columns"] == {"trade": "trades"}


def test_regular_hours_are_read_without_those_before_the_open(chandlery: Chandlery, tmp_path: Path) -> None:
    key, day = "DESK@HOURS@EQ", ("--from", "2026-03-04", "--to", "2026-03-05", "--json")
    own, path = tmp_path / "own.csv", tmp_path / "rth.csv"
    own.write_text("session_date,opens_at,closes_at\n2026-03-04,2026-03-04T09:30,2026-03-04T16:00\n")
    path.write_text(
        "time,open,high,low,close,volume\n2026-03-04T14:00:00Z,50,50,50,50,900\n2026-03-04T14:29:00Z,51,51,51,51,900\n"
        "2026-03-04T14:30:00Z,100,101,100,101,100\n2026-03-04T14:59:00Z,101,102,101,102,100\n"
    )
    chandlery("sessions", "import", str(own), "--calendar", "OWN", "--time-zone", "America/New_York")
    assert chandlery("instruments", "add", key, "--calendar", "OWN").returncode == 0
    assert chandlery("import", "candles", str(path), "--instrument", key, "--aggregate").returncode == 0
    read = {
        options: [
            (each["time"], each["open"], each["volume"])
            for each in json.loads(chandlery("candles", key, "1h", *day, *options).stdout)
        ]
        for options in ((), ("--session", "regular"), ("--session", "regular", "--align", "session"))
    }
    assert list(read.values()) == [
        [("2026-03-04T14:00:00Z", "50", "2000")],
        [("2026-03-04T14:00:00Z", "100", "200")],
        [("2026-03-04T14:30:00Z", "100", "200")],
    ]
    assert chandlery("candles", key, "1h", *day, "--align", "session").returncode == 2


def test_auto_says_which_timeframe_it_chose(history: Chandlery) -> None:
    shown = history("candles", KEY, "auto", *WINDOW, "--csv")
    assert (shown.returncode, shown.stderr) == (0, "timeframe 1m: 1 candle\n")
    assert shown.stdout.startswith(
        "time,open,high,low,close,volume,vwap,trades,source,version,revision\n2026-02-27T12:00:00Z,"
    )
