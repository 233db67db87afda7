"""`chandlery rebuild`, on the embedded database."""

import json
from pathlib import Path

import pytest

from tests.e2e.commands import KEY, Chandlery


@pytest.mark.long
def test_a_timeframe_is_rebuilt_and_led_back(chandlery: Chandlery, tmp_path: Path) -> None:
    path = tmp_path / "minutes.csv"
    rows = [f"2026-03-02T{hour:02}:00:00Z,1,2,1,2,5\n" for hour in range(8)]
    path.write_text("time,open,high,low,close,volume\n" + "".join(rows))
    assert chandlery("import", "candles", str(path), "--instrument", KEY).returncode == 0
    window = ("--from", "2026-03-02", "--to", "2026-03-03")
    assert chandlery("refresh", "4h", *window).returncode == 0
    read = ("candles", KEY, "4h", *window, "--csv")
    before = chandlery(*read).stdout
    assert len(before.splitlines()) == 3

    rebuilt = chandlery("rebuild", "4h")
    assert (rebuilt.returncode, rebuilt.stdout.splitlines()[-1]) == (0, "4h: the new aggregates are in use"), (
        rebuilt.stderr
    )
    ways = "to go back: chandlery rebuild 4h --back; to drop the former aggregates: chandlery rebuild 4h"
    assert rebuilt.stderr == f"{ways} --discard-before\n"
    again = chandlery("rebuild", "1h")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == (
        "chandlery: candles_4h_before is still kept from the rebuild of 4h; drop it: chandlery rebuild 4h"
        " --discard-before, or go back to it: chandlery rebuild 4h --back\n"
    )

    back = json.loads(chandlery("rebuild", "4h", "--back", "--json").stdout)
    assert (back["swapped"], [(each["aggregate"], each["same"]) for each in back["comparisons"]]) == (
        True,
        [("candles_4h", 2)],
    )
    assert chandlery(*read).stdout == before
    nothing = chandlery("rebuild", "4h", "--discard-before")
    assert (nothing.returncode, nothing.stderr) == (1, "chandlery: nothing is kept from before a rebuild of 4h\n")


def test_wrong_usage_is_reported(chandlery: Chandlery) -> None:
    assert chandlery("rebuild", "4h", "--back", "--discard-before").returncode == 2
    refused = chandlery("rebuild", "1m")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "1m is no timeframe" in refused.stderr
