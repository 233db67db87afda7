"""Roll-ups of strike candles are replaced on real options, and their readers miss nothing, by any view."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.policies.apply_policies import plan_policies
from chandlery.rebuild.domain.rebuild import RebuildReport, RebuildStep
from chandlery.rebuild.rebuild_timeframe import rebuild_timeframe, restore_timeframe
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY
from tests.integration.options.option_reading import command, options, read, service
from tests.integration.options.test_real_option_reading import EXPIRY, KEY, OPENS, set_scene
from tests.integration.policy_scene import WANTED, desk, keep, refresh_all, relation_of

__all__ = ["command", "desk", "read", "service"]

AT = OPENS + DAY
NAMES = [rollup.relation for rollup in STRIKE_CANDLES.rollups]
# As a desk's programs read them, under a role of their own; and what the metrics are made of.
READ = (
    "market.fo_option_strike_bars", "market.fo_option_strike_bars_5min", "market.fo_option_strike_bars_15min",
    "market.strike_candles_5m", "market.strike_candles_1h", "market.newest_strikes", "market.expiry_metrics",
    "market.strike_candles", "market.option_contracts", "market.open_interest", "market.candles", "market.instruments",
    "market.sessions",
)  # fmt: skip
Seen = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def strikes(desk: Connection, real_data: Path) -> Iterator[Connection]:
    """A quarter of an hour of GOOG, everything rolled up, and a role that reads."""
    forget(desk)
    set_scene(desk, real_data)
    refresh_all(desk, AT)
    desk.execute("CREATE ROLE strike_reader")
    desk.execute("GRANT USAGE ON SCHEMA market TO strike_reader")
    desk.execute(f"GRANT SELECT ON {', '.join(READ)} TO strike_reader")
    yield desk
    forget(desk)
    desk.execute("DROP OWNED BY strike_reader")
    desk.execute("DROP ROLE strike_reader")


def forget(connection: Connection) -> None:
    for suffix in ("_beside", "_before"):
        connection.execute("CALL market.drop_aggregates(%s, %s)", [NAMES, suffix])
    connection.execute("TRUNCATE market.rebuilds")


def seen(connection: Connection) -> Seen:
    """What the role reads."""
    connection.execute("SET ROLE strike_reader")
    try:
        return {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in READ}  # noqa: S608
    finally:
        connection.execute("RESET ROLE")


def answers() -> list[Any]:
    """What programs are answered: strike candles, the moneyness followed over time, the chain, metrics."""
    window = {"timeframe": "5m", "from": OPENS.isoformat(), "to": AT.isoformat(), "expiry": EXPIRY}
    asked = [
        options("strikes", KEY, **window),
        options("moneyness-series", KEY, **window, rank=0, field="call_iv"),
        options("expiry-metrics", KEY, **window),
        options("chain", KEY, expiry=EXPIRY),
    ]
    assert [each.status for each in asked] == [200] * len(asked), [each.text for each in asked]
    return [each.json for each in asked]


def rebuild(connection: Connection, progress: Any) -> RebuildReport:
    return rebuild_timeframe(connection, STRIKE_CANDLES, Timeframe.M5, WANTED, now=lambda: AT, progress=progress)


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("step", [RebuildStep.REFRESH, RebuildStep.COMPARE, RebuildStep.SWAP, RebuildStep.SETTLE])
def test_readers_see_the_same_before_during_and_after(strikes: Connection, step: RebuildStep) -> None:
    keep(strikes)
    before, told = seen(strikes), answers()
    assert min(map(len, before.values())) > 0
    was = {name: relation_of(strikes, name) for name in NAMES}
    died: list[RebuildStep] = []
    steps: list[RebuildStep] = []

    def look(reached: RebuildStep, _done: int, _total: int) -> None:
        if reached is step and not died:
            died.append(reached)
            raise KeyboardInterrupt
        if reached not in steps:
            steps.append(reached)
            assert seen(strikes) == before, reached

    with pytest.raises(KeyboardInterrupt):
        rebuild(strikes, look)
    assert (seen(strikes), answers()) == (before, told)
    report = rebuild(strikes, look)
    assert (report.resumed, report.swapped, report.unlike, report.copied) == (True, True, 0, 0)
    assert [each.aggregate for each in report.comparisons] == ([] if step is RebuildStep.SETTLE else NAMES)
    assert {RebuildStep.SWAP, RebuildStep.SETTLE} <= set(steps)
    assert [name for name in NAMES if relation_of(strikes, name) == was[name]] == []
    assert (seen(strikes), answers()) == (before, told)
    assert not plan_policies(strikes, AT, WANTED).actions
    restore_timeframe(strikes, STRIKE_CANDLES, Timeframe.M5, WANTED, now=lambda: AT, progress=look)
    assert {name: relation_of(strikes, name) for name in NAMES} == was
    assert (seen(strikes), answers()) == (before, told)
