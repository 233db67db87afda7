"""Files as others write them, by the command line: a folder of them, and the flags that say what a file does not."""

import json
from pathlib import Path

from tests.e2e.commands import KEY, Chandlery

CUT_OFF = (
    "7001,93120.10,0.5,9001,9002,1767625201000000,True,True\n"
    "7002,93120.20,0.1,9003,9003,1767625202000000,False,True\n"
    "7003,93120.00,0.2,9004,9007,1767625203000000,True,True\n"
    "7008,93150.00,0.4,9015,9015,1767625630000000,False,True\n"
)


def test_a_folder_comes_in_and_again_changes_nothing(chandlery: Chandlery, tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    folder.mkdir()
    (folder / "a.csv").write_text(CUT_OFF)
    (folder / "b.ndjson").write_text('{"time": "2026-01-05T16:00:00Z", "price": 1.50, "size": 1}\n')
    (folder / "CHECKSUM").write_text("0")
    command = ("import", "ticks", str(folder), "--instrument", KEY)
    first = chandlery(*command, "--json")
    assert [(each["layout"], each["new"]) for each in json.loads(first.stdout)] == [("binance-aggtrades", 4), ("", 1)]
    told = [
        f"{folder}: 1 other file left out",
        f"{folder / 'a.csv'}: read as binance-aggtrades: times in microseconds",
        (
            f"{folder / 'a.csv'}: 4 aggregate ids (7004 to 7007), 7 trades (9008 to 9014) missing between"
            " 2026-01-05T15:00:03Z and 2026-01-05T15:07:10Z"
        ),
    ]
    assert [line for line in first.stderr.splitlines() if "retention" not in line] == told
    again = chandlery(*command)
    assert again.stdout == "".join(
        f"{folder / name}: 0 new ticks, {known} known already\n" for name, known in (("a.csv", 4), ("b.ndjson", 1))
    )
    # The minutes in which trades are missing do not count as such without trades.
    made = chandlery("import", "ticks", str(folder / "a.csv"), "--instrument", KEY, "--aggregate")
    assert made.returncode == 0, made.stderr
    gaps = json.loads(chandlery("gaps", KEY, "--json").stdout)
    inside = [gap for gap in gaps if gap["starts"] <= "2026-01-05T15:03:00Z" < gap["ends"]]
    assert [gap["reason"] for gap in inside] == ["feed_down"]


def test_flags_say_what_a_file_does_not(chandlery: Chandlery, tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text("Date;Time;Last;Shares\n09/04/2024;10:41:00;1,25;17\n10/04/2024;09:00:00;1,5;3\n")
    command = ("import", "ticks", str(path), "--instrument", KEY)
    columns = ("--columns", "time=Date+Time,price=Last,size=Shares")
    refused = chandlery(*command, *columns)
    assert (refused.returncode, "2024-04-09, 2024-04-10 with --day-first or" in refused.stderr) == (1, True)
    read = chandlery(*command, *columns, "--day-first", "--time-zone", "America/New_York")
    assert read.stdout == f"{path}: 2 new ticks, 0 known already\n", read.stderr
    window = ("--from", "2024-04-09", "--to", "2024-04-11")
    shown = chandlery("show", "ticks", KEY, *window, "--csv").stdout.splitlines()
    assert [line.split(",")[0] for line in shown[1:]] == ["2024-04-09T14:41:00Z", "2024-04-10T13:00:00Z"]
    assert "1.25" in shown[1]
    wrong = chandlery(*command, "--columns", "time")
    assert (wrong.returncode, '"time" is not NAME=COLUMN' in wrong.stderr) == (2, True)
    empty = chandlery("import", "ticks", str(tmp_path / "none"), "--instrument", KEY)
    assert (empty.returncode, "there is no such file" in empty.stderr) == (1, True)
