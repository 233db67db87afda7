"""The signal processor as a component: a dry run, its switch, what it leaves, and what it removes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from chandlery.platform.errors import Permanent
from chandlery.signals.signal_rules import read_retention
from functions import signal_processor
from tests.integration.market import around_the_clock
from tests.integration.platform.test_dry_run import Context, run_dry
from tests.integration.policy_scene import desk
from tests.integration.signals.signal_scene import process, put_minutes, rules_of, signals_of
from tests.integration.signals.test_signals import at, minutes

__all__ = ["desk"]

RULE = {"condition": "close crosses_above 100", "lifetime": {"buckets": 2}, "rationale": "at {close}"}


@pytest.fixture
def market(
    desk: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Connection]:
    """An instrument that crosses a level, and a rule that sees it."""
    rules = rules_of(tmp_path, RULE)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr(signal_processor, "read_rules", lambda: rules)
    (instrument,) = around_the_clock(desk, "X@A@EQ")
    put_minutes(desk, instrument, minutes("14:00", [99] * 5 + [101] * 5))
    yield desk
    signal_processor.handler.sandbox.close()


def run(time: datetime, **said: Any) -> Any:
    return signal_processor.handler({"scheduled_at": time.isoformat()} | said, Context())


def test_a_dry_run_says_what_it_would_do_and_leaves_nothing(market: Connection) -> None:
    done = run_dry(market, signal_processor.handler, at("14:11"))
    assert (done["signals_raised"], done["signal_marks_left"], done["rules_unfilled"]) == (1, 0, 0)
    assert len(signals_of(market)) == 1


def test_switched_off_it_leaves_all_to_the_next_run(market: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNAL_PROCESSOR_ENABLED", "false")
    assert run(at("14:11")) == {"switched_off": True}
    assert signals_of(market) == []
    monkeypatch.setenv("SIGNAL_PROCESSOR_ENABLED", "true")
    assert run(at("14:16"))["signals_raised"] == 1


def test_what_time_is_too_short_for_is_left_and_counted(market: Connection, tmp_path: Path) -> None:
    rules = rules_of(tmp_path, RULE)
    process(market, rules, at("14:11"))
    put_minutes(market, 1, minutes("14:10", [99] * 5 + [101] * 5))
    left = process(market, rules, at("14:21"), has_time=lambda: False)
    assert (left.signals_raised, left.signal_marks_left > 0) == (0, True)
    whole = process(market, rules, at("14:21"))
    assert (whole.signals_raised, whole.signal_marks_left) == (1, 0)


def test_signals_that_have_ended_are_kept_for_as_long_as_the_file_says(market: Connection, tmp_path: Path) -> None:
    rules = rules_of(tmp_path, RULE)
    process(market, rules, at("14:11"))
    open_one = (
        "INSERT INTO market.signals (strategy, strategy_version, instrument_id, timeframe, time, direction,"
        " generated_at, expires_at) VALUES ('mine', '1', 1, '5m', %s, 1, %s, %s)"
    )
    market.execute(open_one, [at("14:00"), at("14:05"), at("14:05", day=9)])
    assert process(market, rules, at("14:30"), keep=timedelta(hours=1)).signals_removed == 0
    later = process(market, rules, at("15:10"), keep=timedelta(hours=1))
    assert (later.signals_removed, signals_of(market, "strategy")) == (1, [("mine",)])
    # A rule that is new says nothing about what is not kept.
    other = rules_of(tmp_path, RULE, RULE | {"name": "new"})
    assert process(market, other, at("15:15"), keep=timedelta(hours=1)).signals_raised == 0
    assert process(market, other, at("15:20")).rules_unfilled == 0


def test_the_file_says_how_long(tmp_path: Path) -> None:
    path = tmp_path / "signals.toml"
    path.write_text("")
    assert read_retention(path) is None
    path.write_text('retention = { after = "30 days" }')
    assert read_retention(path) == timedelta(days=30)
    path.write_text('retention = { after = "soon" }')
    with pytest.raises(Permanent, match="soon"):
        read_retention(path)
