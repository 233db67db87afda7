"""The file of rules: what is wrong with it is said, rule by rule; and the one that is shipped is right."""

import re
from pathlib import Path

import pytest

from chandlery.platform.errors import Permanent
from chandlery.signals.kept_set import with_rules
from chandlery.signals.signal_rules import FILE, check_rules, read_rules
from chandlery.words.timeframe import Timeframe
from tests.conftest import REPO
from tests.integration.signals.signal_scene import rules_of, written

EXPECTED = "a number, a column, an indicator, or ( is expected"
REFUSED = "TA-Lib refuses atr(timeperiod=0): a parameter is out of its bounds"


def problems(folder: Path, *entries: str) -> list[str]:
    path = folder / "signals.toml"
    path.write_text("\n".join(entries))
    return list(check_rules(path)[1])


def test_the_shipped_file_is_right() -> None:
    assert read_rules(FILE) == []


def test_the_page_has_the_rules_of_the_example() -> None:
    page = (REPO / "docs" / "signals.md").read_text().partition("## Three strategies")[2]
    example = (FILE.parent / "signals.example.toml").read_text()
    assert [each.strategy for each in read_rules(FILE.parent / "signals.example.toml")] == [
        "ma_cross", "rsi_reversal", "atr_breakout",
    ]  # fmt: skip
    assert "\n".join(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)) == example.partition("\n\n")[2]


def test_every_problem_is_reported_with_its_rule(tmp_path: Path) -> None:
    assert problems(
        tmp_path,
        written(name="one", condition="close >"),
        written(name="one"),
        written(name="one", lifetime={"buckets": 1, "sessions": 1}, rationale="{rsi(14).upper}"),
        written(name="two", direction="hold", target=1, atr="close + 1"),
        written(name="three", condition="3 > 2", atr="atr(0)", stop=1),
    ) == [
        f"signals.toml, signal 1 (one), condition, line 1, column 8: {EXPECTED}, and here is the end",
        "signals.toml, signal 3 (one), version 1: it is there twice",
        "signals.toml, signal 3 (one), lifetime: say either sessions or buckets",
        "signals.toml, signal 3 (one), rationale, line 1, column 2: rsi has no value upper; there is: real",
        "signals.toml, signal 4 (two), target, stop: what holds has neither",
        "signals.toml, signal 4 (two), atr: an indicator is expected, such as atr(14)",
        f"signals.toml, signal 5 (three), atr, line 1, column 1: {REFUSED}",
    ]
    assert problems(tmp_path, written(confidence=1.5), written(every="x")) == [
        "signals.toml, signal 1 confidence: must be 1 or less",
        "signals.toml, signal 2 every: must be true or false",
    ]
    with pytest.raises(Permanent, match="cannot be read"):
        problems(tmp_path, "[[signals]")


def test_what_rules_see_is_kept_up(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        {"timeframe": "15m", "condition": "rsi(9) > 1h.rsi and 4h.close > 1", "stop": 1},
        {"name": "other", "timeframe": "15m", "condition": "rsi(9) > 70 and macd.macdhist > 0"},
    )
    kept = with_rules({Timeframe.H1: []}, rules)
    assert {str(timeframe): [str(each) for each in some] for timeframe, some in kept.items()} == {
        "1h": ["rsi(timeperiod=14)"],
        "15m": [
            "rsi(timeperiod=9)",
            "atr(timeperiod=14)",
            "macd(fastperiod=12, slowperiod=26, signalperiod=9)",
        ],
        "4h": [],
    }
