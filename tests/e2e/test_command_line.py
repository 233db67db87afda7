"""The command line as its users meet it: real processes, on an embedded database of their own."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from chandlery.platform.errors import MALFORMED_URL
from local.command_line import backfill, functions, imports, main, stack
from local.embedded import EmbeddedDatabase
from tests.conftest import REPO
from tests.e2e.commands import ENVIRONMENT, INTERRUPTED, KEY, Chandlery, start, started
from tests.waiting import wait_until


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    path = tmp_path / "ticks.csv"
    rows = [f"2026-03-02T12:0{minute}:{second:02}Z,{100 + second},1\n" for minute in range(3) for second in (0, 30)]
    path.write_text("time,price,size\n" + "".join(rows))
    return path


def test_the_demo_shows_its_story(tmp_path: Path) -> None:
    result = start(("demo",), ENVIRONMENT, tmp_path)
    assert result.returncode == 0, result.stderr
    assert "1 candle revised, 1 late tick," in result.stdout
    assert "the same tick again: 0 new ticks" in result.stdout
    assert "live gap monitor: 1 gap found, 0 gaps filled, 1 gap open, 0.900 coverage 24h" in result.stdout
    assert "live gap monitor: 0 gaps found, 1 gap filled, 0 gaps open, 1.000 coverage 24h" in result.stdout
    assert "19 stale taken, 0 stale waiting" in result.stdout
    assert "HEALTHY: 0 minutes waiting, newest candle 2026-01-05T15:14:00Z" in result.stdout.splitlines()
    story, _, spoken = result.stdout.partition("three strategies")
    assert "signal" not in story
    assert re.search(
        r"\n6,048 candles of DEMO@COIN@SPOT: \d{3} signals raised, \d{3} signals ended, backfilled\n", spoken
    )
    assert "SMA 20 116.632 crossed SMA 50 116.61 at 116.63" in spoken
    became = spoken.partition("what became of those before")[2]
    assert re.findall(r"(ma_cross|rsi_reversal|atr_breakout)", became) == ["atr_breakout", "ma_cross", "rsi_reversal"]
    assert result.stderr == ""


def test_ticks_become_candles(chandlery: Chandlery, ticks: Path) -> None:
    first, again = (
        json.loads(chandlery("import", "ticks", str(ticks), "--instrument", KEY, "--json").stdout) for _ in "12"
    )
    assert [(done["new"], done["known"]) for done in (first[0], again[0])] == [(6, 0), (0, 6)]
    window = ("--from", "2026-03-02T12:00Z", "--to", "2026-03-02T12:04Z")
    totals = json.loads(chandlery("replay", *window, "--json").stdout)
    assert totals["live_processor"] | {"pieces": 3} == totals["live_processor"]
    shown = chandlery("candles", KEY, "1m", *window, "--csv").stdout.splitlines()
    assert shown[0] == "time,open,high,low,close,volume,vwap,trades,source,version,revision"
    assert shown[1] == "2026-03-02T12:00:00Z,100,130,100,130,2,115,2,live_aggregated,1772452800000,0"
    assert len(shown) == 4
    fresh = chandlery("status", "--at", "2026-03-02T12:03:30Z", "--json")
    status = json.loads(fresh.stdout)
    # A replay sets up no policy, and nobody else has: that is the only cause.
    causes = [cause["subject"] for cause in status["causes"]]
    assert (fresh.returncode, status["health"], causes, status["minutes_waiting"]) == (1, "WARNING", ["policies"], 0)
    # Half an hour later nobody has come, and no tick either.
    late = ("status", "--at", "2026-03-02T12:33:00Z")
    told = chandlery(*late)
    missed = "live_processor: last ran at 2026-03-02T12:03:00Z, 30 min ago; it is due every 1 min"
    assert (told.returncode, f"DELAYED: {missed}" in told.stdout.splitlines()) == (1, True)
    assert told.stdout.splitlines()[-1].startswith("DELAYED: 0 minutes waiting, newest candle 2026-03-02T12:02:00Z")
    machine = chandlery(*late, "--json", "--exit-zero")
    status = json.loads(machine.stdout)
    assert (machine.returncode, status["health"]) == (0, "DELAYED")
    assert missed in {f"{cause['subject']}: {cause['says']}" for cause in status["causes"]}
    assert "feed X" in {cause["subject"] for cause in status["causes"]}


def test_exported_sessions_are_an_event_of_the_function_that_migrates(chandlery: Chandlery, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("session_date,opens_at,closes_at\n2026-03-02,2026-03-02T10:00,2026-03-02T11:00\n")
    exported = chandlery("sessions", "export", "OWN", "--file", str(own), "--time-zone", "Asia/Tokyo")
    assert exported.returncode == 0, exported.stderr
    event = tmp_path / "event.json"
    event.write_text(exported.stdout)

    result = chandlery("invoke", "migrate", "--event", str(event))

    assert result.returncode == 0, result.stderr
    assert ["OWN", "1", "2026-03-02", "2026-03-02", "[]", "0"] in [line.split() for line in result.stdout.splitlines()]
    assert chandlery("sessions", "export", "A", "B", "--file", str(own)).returncode == 2


def test_invoke_runs_one_function(chandlery: Chandlery) -> None:
    result = chandlery("invoke", "live_processor", "--event", str(REPO / "events" / "live_processor.json"), "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["candles_written"] == 0
    assert '"message":"run succeeded"' in result.stderr


def test_a_dry_run_by_hand_says_what_it_would_do(chandlery: Chandlery, tmp_path: Path) -> None:
    path = tmp_path / "dry.csv"
    path.write_text("time,price,size\n2026-03-09T12:00:01Z,7,1\n")
    assert chandlery("import", "ticks", str(path), "--instrument", KEY).returncode == 0
    command = ("invoke", "live_processor", "--at", "2026-03-09T12:01Z")
    for _ in range(2):
        dry = chandlery(*command, "--dry-run", "--json")
        assert (dry.returncode, json.loads(dry.stdout)["candles_written"]) == (0, 1)
        assert json.loads(dry.stdout)["dry_run"] is True
    assert json.loads(chandlery(*command, "--json").stdout)["candles_written"] == 1


def test_what_is_switched_off_says_so_and_is_reported(chandlery: Chandlery) -> None:
    off = {"LIVE_PROCESSOR_ENABLED": "false"}
    command = ("invoke", "live_processor", "--at", "2026-03-09T12:02Z")
    assert chandlery(*command, **off).stdout == "switched off true\n"
    told = chandlery("status", "--at", "2026-03-09T12:02:10Z")
    assert "WARNING: live_processor: is switched off, and does nothing" in told.stdout.splitlines()
    assert told.returncode == 1
    # Whatever builds on runs that count says what is in its way.
    window = ("--from", "2026-03-09T12:00Z", "--to", "2026-03-09T12:02Z")
    replayed = chandlery("replay", *window, DRY_RUN="true")
    assert (replayed.returncode, replayed.stderr[:38]) == (1, "chandlery: DRY_RUN is set, but each ru")
    shown = chandlery("demo", **off)
    assert (shown.returncode, shown.stderr) == (
        1,
        "chandlery: the demo shows every component at work: unset LIVE_PROCESSOR_ENABLED\n",
    )
    # At work again.
    assert chandlery(*command).returncode == 0
    assert "switched off" not in chandlery("status", "--at", "2026-03-09T12:02:10Z").stdout


def test_a_bad_row_stops_the_import_or_is_set_aside(chandlery: Chandlery, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("time,price,size\n2026-03-02T13:00:00Z,NaN,1\n2026-03-02T13:00:01Z,7,1\n2099-01-01T00:00:00Z,1,1\n")
    stopped = chandlery("import", "ticks", str(path), "--instrument", KEY)
    assert stopped.returncode == 1
    assert stopped.stderr.strip().endswith('bad.csv line 2, column price: "NaN" is not a finite number')
    skipped = json.loads(chandlery("import", "ticks", str(path), "--instrument", KEY, "--skip-bad", "--json").stdout)
    assert (skipped[0]["new"], skipped[0]["bad"]) == (1, 2)
    assert len(path.with_name("bad.csv.bad.csv").read_text().splitlines()) == 3


def test_candles_come_in_again_and_bad_ones_stop_or_are_set_aside(chandlery: Chandlery, tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text("time,open,high,low,close,volume\n2026-02-27T12:00:00Z,7,9,6,8,5\n2026-02-27T12:01:00Z,8,8,8,8,0\n")
    command = ("import", "candles", str(path), "--instrument", KEY)
    assert chandlery(*command).stdout == f"{path}: 2 candles written, 0 revised, 0 unchanged\n"
    counts = {"file": str(path), "read": 2, "written": 0, "revised": 0, "unchanged": 2, "bad": 0, "ignored_columns": {}}
    counts |= {"layout": "", "left_out": 0, "remarks": []}
    assert json.loads(chandlery(*command, "--json").stdout) == [counts]
    with path.open("a") as file:
        file.write("2026-02-27T12:02:00Z,8,8,8,8,0\n2026-02-27T12:03:00Z,8,9,10,8,0\n2099-01-01T00:00:00Z,1,1,1,1,1\n")
    stopped = chandlery(*command)
    assert stopped.returncode == 1
    assert stopped.stderr == "chandlery: candles.csv line 5, column low: 10 is above high 9\n"
    window = ("--from", "2026-02-27T12:00Z", "--to", "2026-02-27T12:04Z")
    shown = chandlery("candles", KEY, "1m", *window, "--csv").stdout.splitlines()
    assert len(shown) == 3
    assert shown[1] == "2026-02-27T12:00:00Z,7,9,6,8,5,,,vendor_historical,0,0"
    skipped = json.loads(chandlery(*command, "--skip-bad", "--json").stdout)
    assert skipped == [counts | {"read": 3, "written": 1, "bad": 2}]
    assert len(path.with_name("candles.csv.bad.csv").read_text().splitlines()) == 3


def test_what_is_missing_is_read_and_explained(chandlery: Chandlery, tmp_path: Path) -> None:
    key = "DESK@R@EQ"
    path = tmp_path / "candles.csv"
    rows = [f"2026-02-10T12:{minute:02}:00Z,7,7,7,7,1\n" for minute in range(60) if not 20 <= minute < 40]
    path.write_text("time,open,high,low,close,volume\n" + "".join(rows))
    assert chandlery("instruments", "add", key, "--calendar", "24/7").returncode == 0
    assert chandlery("import", "candles", str(path), "--instrument", key).returncode == 0
    assert chandlery("invoke", "live_gap_monitor", "--at", "2026-02-10T13:01Z").returncode == 0

    (gap,) = json.loads(chandlery("gaps", key, "--json").stdout)
    assert (gap["starts"], gap["minutes"], gap["reason"]) == ("2026-02-10T12:20:00Z", 20, "feed_down")
    shown = chandlery("gaps", key, "--feed", "DESK", "--reason", "feed_down", "--all")
    assert "2026-02-10T12:20Z  12:40Z" in shown.stdout
    assert shown.stdout.splitlines()[-1] == (
        "1 gap open, 20 minutes: feed_down 1 (20 min); 0 gaps healed or explained, 0 minutes"
    )
    assert chandlery("gaps", key, "--to", "2026-02-10T12:20Z").stdout == "0 gaps open, 0 minutes\n"

    (day,) = json.loads(chandlery("coverage", key, "--json").stdout)
    assert [day[name] for name in ("session_date", "expected", "present", "missing")] == ["2026-02-10", 60, 40, 20]
    drawn = chandlery("coverage", key, "--from", "2026-02-09", "--to", "2026-02-11")
    assert f"{key}  xx?" in drawn.stdout
    assert "minutes are not judged" in drawn.stderr
    assert len(drawn.stderr.splitlines()) == 1
    assert "x" not in chandlery("coverage", key, "--no-heatmap").stdout.replace("expected", "").replace("explained", "")

    explained = chandlery("explain", key, "2026-02-10T12:25:30Z")
    assert explained.stdout.splitlines()[-1].startswith("missing: feed_down since 2026-02-10T12:20:00Z, found ")
    minute = json.loads(chandlery("explain", key, "2026-02-10T12:05:00Z", "--json").stdout)
    assert (minute["verdict"], minute["sentence"]) == ("complete", "a complete candle is stored")
    assert (minute["candle"]["source"], minute["candle"]["close"]) == ("vendor_historical", "7")


def test_feeds_have_limits(chandlery: Chandlery) -> None:
    told = "X: live, silent after 30 s without a tick\n"
    assert chandlery("feeds", "set", "X", "--silence-seconds", "30", "--live").stdout == told
    assert chandlery("feeds", "set", "X", "--not-live").stdout == told.replace("live", "not live")
    assert chandlery("feeds", "set", "X", "--live").stdout == told
    assert chandlery("feeds", "set", "X").returncode == 2
    listed = {feed["feed"]: feed for feed in json.loads(chandlery("feeds", "list", "--json").stdout)}
    assert (listed["X"]["silence_seconds"], listed["X"]["instruments"]) == (30, 1)
    assert (
        "no instrument names the feed NOBODY yet"
        in chandlery("feeds", "set", "NOBODY", "--silence-seconds", "9").stderr
    )


def test_an_instrument_keeps_what_is_not_given(chandlery: Chandlery) -> None:
    add = ("instruments", "add", "DESK@LIFE@EQ", "--calendar", "24/7")
    first = chandlery(*add, "--listed", "2026-01-01", "--ticker", "LIFE", "--ticker", "other=L=F")
    assert first.stdout == (
        "DESK@LIFE@EQ: calendar 24/7, feed DESK, listed 2026-01-01T00:00:00Z, tickers other=L=F, polygon=LIFE\n"
    )
    assert chandlery(*add, "--delisted", "2026-02-01").returncode == 0
    (life,) = (
        each for each in json.loads(chandlery("instruments", "list", "--json").stdout) if each["key"] == "DESK@LIFE@EQ"
    )
    assert (life["listed_at"], life["delisted_at"]) == ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
    assert (life["data_from"], life["tickers"]) == (None, {"other": "L=F", "polygon": "LIFE"})
    backward = chandlery(*add, "--delisted", "2025-12-01")
    assert (backward.returncode, len(backward.stderr.splitlines())) == (1, 1)


def test_adding_an_instrument_again_changes_nothing_it_has(chandlery: Chandlery) -> None:
    key = "DESK@SAME@EQ"
    assert chandlery("instruments", "add", key).stderr.count(f"{key} is new: name its --calendar") == 1
    assert chandlery("instruments", "add", key, "--calendar", "24/7", "--feed", "wire").returncode == 0
    for again in ((), ("--calendar", "24/7"), ("--feed", "wire")):
        assert chandlery("instruments", "add", key, *again).stdout == f"{key}: nothing changed\n"
    other = chandlery("instruments", "add", key, "--calendar", "XNYS", "--ticker", "SAME")
    assert other.returncode == 1
    assert other.stderr == (
        f"chandlery: {key} exists with calendar 24/7; to change it: chandlery instruments set {key}"
        " --calendar XNYS --ticker polygon=SAME\n"
    )
    assert chandlery("instruments", "set", key).returncode == 2
    assert chandlery("instruments", "set", key, "--feed", "other", "--ticker", "SAME").stdout == (
        f"{key}: feed other instead of wire, ticker at polygon SAME\n"
    )
    (same,) = (each for each in json.loads(chandlery("instruments", "list", "--json").stdout) if each["key"] == key)
    assert (same["calendar"], same["feed"], same["listed_at"]) == ("24/7", "other", None)


def test_an_instrument_with_data_is_removed_only_when_asked_for(chandlery: Chandlery, ticks: Path) -> None:
    key = "DESK@GONE@EQ"
    for _ in "12":
        assert chandlery("instruments", "add", key, "--calendar", "24/7").returncode == 0
        assert chandlery("import", "ticks", str(ticks), "--instrument", key).returncode == 0
        refused = chandlery("instruments", "remove", key)
        assert (refused.returncode, refused.stderr) == (
            1,
            f"chandlery: {key} has ticks; to delete them as well, for good: --with-data\n",
        )
        assert chandlery("instruments", "remove", key, "--with-data").stdout == f"{key}: removed\n"
        assert chandlery("instruments", "remove", key).returncode == 1


def test_calendars_are_listed(chandlery: Chandlery) -> None:
    (always,) = (
        each for each in json.loads(chandlery("sessions", "list", "--json").stdout) if each["calendar"] == "24/7"
    )
    assert (always["time_zone"], always["known_from"], always["instruments"] > 0) == ("UTC", "2005-01-01", True)
    assert {"XNYS", "XBOM", "24/7"} <= set(chandlery("sessions", "list", "--offered").stdout.split())


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nonsense",), 2, "No such command 'nonsense'"),
        (("candles",), 2, "Missing argument 'KEY'"),
        (("candles", KEY, "7m", "--from", "2026-01-01", "--to", "2026-01-02"), 2, "no timeframe 7m"),
        (("candles", KEY, "1m", "--from", "2026-01-02", "--to", "2026-01-01"), 2, "is not before --to"),
        (("candles", KEY, "1m", "--from", "2026-01-01T10:00", "--to", "2026-01-02"), 2, "no time zone"),
        (("candles", "A@B@C", "1m", "--from", "2026-01-01", "--to", "2026-01-02"), 1, "chandlery: no instrument A@B@C"),
        (("instruments", "add", "nokey", "--calendar", "24/7"), 2, "is not an instrument key"),
        (("instruments", "add", "A@B@C", "--calendar", "24/7", "--ticker", "a b"), 2, '"a b" is not a ticker'),
        (("gaps", "A@B@C"), 1, "chandlery: no instrument A@B@C"),
        (("gaps", "--feed", "NOPE"), 1, "chandlery: no feed NOPE; there is: "),
        (("gaps", "--reason", "nope"), 2, "'nope' is not one of 'unaggregated', 'no_trades', 'instrument_silent'"),
        (("coverage", "--from", "2026-01-02", "--to", "2026-01-02"), 2, "is not before --to"),
        (("coverage", "--from", "2099-01-01", "--to", "2099-01-02"), 1, "chandlery: the calendar 24/7 is known from"),
        (("explain", KEY, "noon"), 2, "noon is not a time"),
        (("explain", KEY, "9999-12-31T23:59Z"), 2, "9999-12-31T23:59Z is out of range; give a time from 1900 to"),
        (("refresh", "1d", "--from", "0001-01-01", "--to", "2026-01-01"), 2, "0001-01-01 is out of range"),
        (("sessions", "sync", "--to", "9999-12-31"), 2, "9999-12-31 is out of range"),
        (("explain", "A@B@C", "2026-01-01"), 1, "chandlery: no instrument A@B@C"),
        (("feeds", "set", "X", "--silence-seconds", "61"), 2, "must be 60 or less"),
        (("instruments", "add", "A@B@C", "--calendar", "NOPE"), 1, "chandlery: no calendar NOPE"),
        (("import", "ticks", "none.csv", "--instrument", KEY), 1, "chandlery: none.csv: there is no such file"),
        (("import", "candles", "none.csv", "--instrument", KEY), 1, "chandlery: none.csv: there is no such file"),
        (("invoke", "live_processor", "--at", "1999-12-31"), 1, "chandlery: the event is malformed: scheduled_at: "),
        (("invoke", "live_processor", "--at", "0001-01-01T00:00+14:00"), 2, "is not a time in UTC"),
        (("replay", "--from", "1999-01-01", "--to", "2026-01-01"), 1, "chandlery: the stretch cannot be replayed: no"),
        (("replay", "--from", "2026-01-01", "--to", "2101-01-01"), 1, "no schedule fires at 2101-01-01T00:00:00+00:00"),
        (("invoke", "http_api", "--dry-run"), 1, "chandlery: http_api never runs dry: --dry-run is for"),
        (("invoke", "nope"), 1, "chandlery: no function nope; there are: "),
        (("migrate", "upgrade", "9999"), 1, "chandlery: alembic: Can't locate revision"),
    ],
)
def test_wrong_use_and_failure_are_distinguished(
    chandlery: Chandlery, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = chandlery(*arguments)
    assert result.returncode == code
    assert message in " ".join(result.stderr.replace("│", "").split())
    assert "Traceback" not in result.stderr


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize(
    ("command", "works", "usecase"),
    [
        (("import", "ticks", "ticks.csv", "--instrument", KEY), imports, "import_ticks"),
        (("import", "candles", "candles.csv", "--instrument", KEY), imports, "import_candles"),
        (("backfill", KEY, "--from", "2026-03-02", "--to", "2026-03-03"), backfill, "open_vendor"),
        (("replay", "--from", "2026-03-02", "--to", "2026-03-03"), functions, "call"),
        # Before its schedules run: then Ctrl-C is the way to end it.
        (("up",), stack, "read_functions"),
    ],
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_an_interrupted_command_says_so(
    chandlery: Chandlery,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    works: ModuleType,
    usecase: str,
) -> None:
    (tmp_path / "ticks.csv").write_text("time,price,size\n2026-03-02T12:00:00Z,7,1\n")
    (tmp_path / "candles.csv").write_text("time,open,high,low,close,volume\n2026-02-27T12:00:00Z,7,9,6,8,5\n")

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", chandlery("db", "url").stdout.strip())
    monkeypatch.setattr(works, usecase, interrupted)
    monkeypatch.setattr(sys, "argv", ["chandlery", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (130, INTERRUPTED)


def test_an_interrupted_replay_keeps_what_it_did(chandlery: Chandlery) -> None:
    url = chandlery("db", "url").stdout.strip()
    done = "SELECT count(*) FROM market.runs WHERE scheduled_at < '2001-01-01'"
    with started(chandlery, "replay", "--from", "2000-01-01", "--to", "2000-02-01") as process:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as watching:
            while (row := watching.execute(done).fetchone()) is not None and row[0] < 3:
                time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", INTERRUPTED)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        kept = connection.execute(f"{done} AND status = 'succeeded'").fetchone()
    assert kept is not None
    assert kept[0] >= 3


def test_ctrl_c_is_how_the_stack_stops(chandlery: Chandlery) -> None:
    with started(chandlery, "up", "--port", "0") as process:
        assert process.stdout is not None
        told = ""
        while "Ctrl-C stops" not in told:
            line = process.stdout.readline()
            assert line, f"it ended: {told}"
            told += line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    # A line is printed again where its printing was interrupted.
    assert (process.returncode, out.replace(line, ""), err) == (0, "stopped\n", "")


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense-with-secret-word", MALFORMED_URL),
        ("postgresql://a:secret-word@127.0.0.1:port/x", MALFORMED_URL),
        ("postgresql://a:secret-word@[::1/x", MALFORMED_URL),
        (f"postgresql://a:secret-word@{'h' * 3000}/x", MALFORMED_URL),
        ("postgresql://a:secret-word@127.0.0.1:1/x", "the database cannot be reached"),
    ],
)
def test_a_database_out_of_reach_is_one_line(chandlery: Chandlery, url: str, message: str) -> None:
    for command in (("status",), ("migrate", "current")):
        result = chandlery(*command, DATABASE_URL=url)
        assert result.returncode == 1
        assert message in result.stderr
        assert "secret-word" not in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_an_event_that_is_none_is_one_line(chandlery: Chandlery, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    for content, message in (
        ("[" * 100_000 + "]" * 100_000, "is nested too deeply"),
        ('{"a": ' * 100_000 + "1" + "}" * 100_000, "is nested too deeply"),
        ("{", "is not JSON: "),
        ("[]", "is not a JSON object"),
        (" " * (6 * 1024 * 1024 + 1), "is larger than the 6 MB that Lambda takes"),
    ):
        event.write_text(content)
        result = chandlery("invoke", "live_processor", "--event", str(event))
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith(f"chandlery: event {event} {message}")
        assert len(result.stderr.splitlines()) == 1


def test_below_the_desk_s_folder_its_database_is_found_and_elsewhere_none_is_made(
    chandlery: Chandlery, tmp_path: Path
) -> None:
    home = Path(json.loads(chandlery("db", "status", "--json").stdout)["data_directory"]).parents[1]
    (home / "below" / "it").mkdir(parents=True)
    found = start(("instruments", "list", "--json"), ENVIRONMENT, home / "below" / "it")
    assert KEY in {each["key"] for each in json.loads(found.stdout)}

    for command in (("status",), ("up",), ("invoke", "live_processor")):
        elsewhere = start(command, ENVIRONMENT, tmp_path)
        assert (elsewhere.returncode, elsewhere.stdout) == (1, "")
        assert elsewhere.stderr.startswith(f"chandlery: there is no database in {tmp_path / '.chandlery'}, nor in")
    assert list(tmp_path.iterdir()) == []


def test_a_start_says_which_database_it_is(tmp_path: Path, migrated_tarball: Path) -> None:
    database = EmbeddedDatabase(tmp_path / ".chandlery", tarball=migrated_tarball)
    database.start()
    told = f"embedded TimescaleDB started in {database.home}; to stop it: chandlery db stop\n"
    try:
        database.stop()
        assert start(("status",), ENVIRONMENT, tmp_path).stderr == told
        os.kill(database.status().pid or 0, signal.SIGKILL)
        wait_until(lambda: not database.status().running, "the database ends")
        recovered = start(("db", "start"), ENVIRONMENT, tmp_path)
        assert recovered.stdout == f"{database.url()}\n"
        assert (
            recovered.stderr
            == "the embedded database was killed last time, not stopped: it recovers what was committed\n" + told
        )
    finally:
        database.stop()


def test_a_wrong_password_is_one_line(chandlery: Chandlery) -> None:
    url = chandlery("db", "url").stdout.strip()
    result = chandlery("status", DATABASE_URL=url.replace("postgres:postgres", "postgres:wrong-word"))
    assert (result.returncode, "refused the login" in result.stderr, "wrong-word" in result.stderr) == (1, True, False)


def test_offline_sql_needs_no_database(chandlery: Chandlery) -> None:
    result = chandlery("migrate", "upgrade", "--sql", DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")
    assert result.returncode == 0
    assert "CREATE TABLE market.candles" in result.stdout


def test_a_file_becomes_candles_of_every_timeframe_in_one_command(chandlery: Chandlery, tmp_path: Path) -> None:
    key = "DESK@ONCE@EQ"
    assert chandlery("instruments", "add", key, "--calendar", "24/7").returncode == 0
    path = tmp_path / "once.csv"
    path.write_text("time,price,size\n2013-10-07T12:00:01Z,5,1\n2013-10-07T12:07:01Z,7,2\n")
    told = chandlery("coverage", key, "--from", "2013-10-07", "--to", "2013-10-08").stderr
    assert "neither data nor a listing is known; import data" in told
    assert chandlery("import", "ticks", str(path), "--instrument", key).returncode == 0
    told = chandlery("coverage", key, "--from", "2013-10-07", "--to", "2013-10-08").stderr
    assert f"chandlery import ticks FILE --instrument {key} --aggregate" in told

    made = chandlery("import", "ticks", str(path), "--instrument", key, "--aggregate")

    assert made.returncode == 0, made.stderr
    *_, counts, following = made.stdout.splitlines()
    assert counts.startswith(f"{key}: 2 candles written, 0 revised; ")
    assert following == f"next: chandlery candles {key} 5m --from 2013-10-07 --to 2013-10-08"
    shown = chandlery(*following.split()[2:], "--json")
    assert [(each["close"], each["volume"]) for each in json.loads(shown.stdout)] == [("5", "1"), ("7", "2")]
    again = json.loads(chandlery("import", "ticks", str(path), "--instrument", key, "--aggregate", "--json").stdout)
    assert (again["files"][0]["known"], again["made"]["candles_written"], again["made"]["gaps_found"]) == (2, 0, 0)


def test_ticks_in_conflict_are_named_and_the_flags_decide(chandlery: Chandlery, tmp_path: Path) -> None:
    key = "DESK@TWICE@EQ"
    assert chandlery("instruments", "add", key, "--calendar", "24/7").returncode == 0
    trades, seq_0 = tmp_path / "trades.csv", tmp_path / "seq_0.csv"
    trades.write_text("time,price,size,seq,venue\n2026-01-05T15:00:01Z,100,10,7,V\n2026-01-05T15:00:01Z,100.5,40,7,Q\n")
    seq_0.write_text("time,price,size,seq\n" + "".join(f"2026-01-06T15:00:01Z,{price},1,0\n" for price in (2, 3, 4)))
    command = ("import", "ticks", str(trades), "--instrument", key)

    kept = chandlery(*command, "--json")
    assert kept.returncode == 1
    (counts,) = json.loads(kept.stdout)
    assert (counts["new"], counts["known"], counts["conflicting"]) == (1, 0, 1)
    (conflict,) = counts["conflicts"]
    assert (conflict["line"], conflict["said"]["price"], conflict["stored"]["price"]) == (3, "100.5", "100")
    assert (
        "trades.csv line 3: 2026-01-05T15:00:01Z, seq 7: price 100.5, size 40, venue Q; line 2: price 100, size 10,"
        " venue V\n" in kept.stderr
    )
    assert "the first of each was kept, and all other rows were imported" in kept.stderr
    refused = chandlery(*command, "--on-conflict", "refuse")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "nothing was imported" in refused.stderr
    assert chandlery(*command, "--on-conflict", "replace").stdout.endswith(
        "0 new ticks, 1 known already, 1 replaced, 1 row in conflict\n"
    )
    by_file = chandlery("import", "ticks", str(seq_0), "--instrument", key)
    assert (by_file.returncode, "to import every row: --seq by-row" in by_file.stderr) == (1, True)
    by_row = chandlery("import", "ticks", str(seq_0), "--instrument", key, "--seq", "by-row")
    assert (by_row.returncode, by_row.stdout) == (0, f"{seq_0}: 3 new ticks, 0 known already\n")
