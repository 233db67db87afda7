"""The file of rules: what is wrong with it is said, rule by rule; and the one that is shipped is right."""

import re
from pathlib import Path

import pytest

from chandlery.platform.errors import Permanent
from chandlery.signals.domain.rule import together
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


def test_no_rule_is_too_much_for_who_reads_it(tmp_path: Path) -> None:
    """What is longer than anybody writes is refused, and what is kept as text is one."""
    longest = " and ".join(["low > 1"] * 99)
    assert [each.split(", ", 2)[2] for each in problems(
        tmp_path,
        written(name="joined", condition=longest),
        written(name="longer", condition=f"{longest} and low > 1 and low > 2"),
        written(name="summed", condition="close > " + "+".join(["1"] * 1_900)),
        written(name="lagged", condition="close" + " lag 1" * 400 + " > 1"),
        written(name="whole", condition=f"sma({'9' * 3_000}) > 1"),
    )] == [
        "condition, line 1, column 1201: more than 400 words",
        "condition, line 1, column 407: more than 400 words",
        "condition, line 1, column 1205: more than 400 words",
        f"condition, line 1, column 5: {'9' * 3_000} is no number that prices or volumes are compared with",
    ]  # fmt: skip
    null = '"a\\u0000b"'
    told = problems(
        tmp_path,
        written().replace("version = 1", f"version = {null}"),
        written().replace("version = 1", 'version = ""'),
        f"{written()}rationale = {null}",
        written(rationale="x" * 4_001),
    )
    assert ["version: must match" in told[0], "version: must match" in told[1]] == [True, True]
    assert told[2:] == [
        "signals.toml, signal 3 rationale: holds what is no character",
        "signals.toml, signal 4 rationale: must have 4000 characters or fewer",
    ]


def test_rules_are_judged_in_as_many_statements_as_their_columns_take(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path, *({"name": f"r{n}", "condition": f"sma({n + 2}) crosses_above close lag {n + 1}"} for n in range(300))
    )
    parts = [some for _, some in together(rules)]
    assert [rule for some in parts for rule in some] == list(rules)
    assert all(len({look for rule in some for look in rule.looks()}) <= 1_000 for some in parts)
    assert len(parts) == 2
