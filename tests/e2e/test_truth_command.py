"""What nobody looked at, on real minutes of three markets and the command line: neither explained nor complete."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.embedded import EmbeddedDatabase
from tests.e2e.commands import ENVIRONMENT, start

SHARE, COIN, INDEX = "XNYS@IBM@EQ", "COIN@BTCUSD@CRYPTO", "NSE@NIFTY@INDEX"
Chandlery = Callable[..., str]


@pytest.fixture(scope="module")
def chandlery(tmp_path_factory: pytest.TempPathFactory, migrated_tarball: Path) -> Iterator[Chandlery]:
    """Runs a command, which succeeds, on a database of the module's own; returns what it printed."""
    home = tmp_path_factory.mktemp("truth")
    embedded = EmbeddedDatabase(home / ".chandlery", tarball=migrated_tarball)
    embedded.start()

    def run(*arguments: str) -> str:
        result = start(arguments, ENVIRONMENT, home)
        assert result.returncode == 0, result.stderr
        return result.stdout

    yield run
    embedded.stop()


def days(chandlery: Chandlery, key: str, first: str, ends: str) -> list[tuple[int, ...]]:
    """Expected, present, explained, missing and not judged minutes."""
    names = ("expected", "present", "explained", "missing", "not_judged")
    rows: list[dict[str, Any]] = json.loads(chandlery("coverage", key, "--from", first, "--to", ends, "--json"))
    assert [row["coverage"] for row in rows] == [(row["present"] + row["explained"]) / row["expected"] for row in rows]
    return [tuple(row[name] for name in names) for row in rows]


@pytest.mark.long
def test_years_nobody_looked_at_are_not_judged(chandlery: Chandlery, real_data: Path) -> None:
    chandlery("instruments", "add", SHARE, "--calendar", "XNYS")
    chandlery("import", "candles", str(real_data / "us-candles-1m" / "IBM.csv.gz"), "--instrument", SHARE)
    scan = ("invoke", "historical_gap_monitor", "--at", "2016-10-20T02:00Z")
    chandlery(*scan)
    chandlery("instruments", "add", COIN, "--calendar", "24/7")
    chandlery("import", "candles", str(real_data / "crypto-candles" / "BTCUSD-1m.csv.gz"), "--instrument", COIN)
    chandlery("instruments", "add", INDEX, "--calendar", "XBOM")
    chandlery("import", "candles", str(real_data / "in-candles-1m" / "NIFTY50.csv.gz"), "--instrument", INDEX)
    # A run that counts candles, and looks at other days.
    chandlery("invoke", "live_gap_monitor", "--at", "2016-09-20T02:00Z")

    # The share was looked at up to the 13th, the coin never.
    assert days(chandlery, COIN, "2016-10-09", "2016-10-11") == [(1440, 1397, 0, 0, 43), (1440, 0, 0, 0, 1440)]
    assert days(chandlery, COIN, "2018-01-01", "2018-01-04") == 3 * [(1440, 0, 0, 0, 1440)]
    drawn = chandlery("coverage", COIN, "--from", "2018-01-01", "--to", "2018-01-04")
    assert f"{COIN}  xx?xx?xx?" in drawn
    assert "4,320 expected, 0 present, 0 explained, 0 missing, 4,320 not judged; coverage 0.00 %" in drawn
    assert json.loads(chandlery("explain", COIN, "2018-11-20T12:00Z", "--json"))["verdict"] == "not_judged"
    assert json.loads(chandlery("gaps", COIN, "--json")) == []

    chandlery(*scan)
    # On a day that was imported its feed was down, which explains nothing; beyond, nothing is expected.
    assert days(chandlery, COIN, "2016-10-09", "2016-10-11") == [(1440, 1397, 0, 43, 0), (1440, 0, 0, 0, 1440)]
    assert json.loads(chandlery("explain", COIN, "2016-10-09T21:36Z", "--json"))["verdict"] == "missing"
    assert json.loads(chandlery("explain", COIN, "2016-10-10T12:00Z", "--json"))["verdict"] == "not_judged"
    assert days(chandlery, COIN, "2018-01-01", "2018-01-02") == [(1440, 0, 0, 0, 1440)]
