"""Runs at the same time, twice, in any order, and by clocks that are hours off: all is the same in the end."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

import pytest

from chandlery.words.window import HOUR, MINUTE
from tests.faults import desk
from tests.faults.components import COMPONENTS, fire
from tests.faults.conftest import Tell
from tests.faults.contents import INSTEAD, Contents, differences
from tests.faults.databases import Templates, run
from tests.faults.scene import CopiedScene
from tests.faults.trial import Child
from tests.faults.works import NOW, SUBJECTS

ORDER = (
    "live_processor",
    "option_processor",
    "live_gap_monitor",
    "historical_gap_monitor",
    "historical_processor",
    "policy_maintenance",
    "signal_processor",
)
# When the session is over; and when the day is, by any of the clocks.
CLOSED, EVENING = NOW + 20 * MINUTE, NOW + 6 * HOUR


@pytest.fixture(scope="module")
def copies(templates: Templates) -> Iterator[CopiedScene]:
    scene = CopiedScene(templates.server_url, templates.name("plain"))
    scene.contents = Contents(scene.connection, INSTEAD)
    yield scene
    scene.close()


Rows = Mapping[str, object]


def settle(scene: CopiedScene) -> Rows:
    """The rest of the day's ticks, and each component, one after the other, till the day is over; all that is then."""
    desk.write_ticks(scene.connection, "d = 10 AND m >= 20 AND mod(m, 4) > 0")
    for at in (CLOSED, EVENING):
        for name in ORDER:
            run(scene.url, name, at)
    return scene.contents.rows(scene.connection)


@pytest.fixture(scope="module")
def one_after_the_other(copies: CopiedScene) -> Rows:
    """What an undisturbed day comes to."""
    settled = settle(copies)
    copies.put_back()
    return settled


def firing(scene: CopiedScene, name: str, at: datetime) -> Callable[[], object]:
    def work() -> object:
        os.environ["DATABASE_URL"] = scene.url
        return SUBJECTS["refresh"]() if name == "refresh" else fire(COMPONENTS[name], at)

    return work


def sequence(works: Sequence[Callable[[], object]]) -> Callable[[], object]:
    def work() -> None:
        for each in works:
            each()

    return work


@pytest.mark.parametrize("processes", [2, 3, 5, 8])
def test_concurrent_runs(processes: int, copies: CopiedScene, one_after_the_other: Rows, tell: Tell) -> None:
    random = Random(processes)
    names = (*ORDER, "refresh")
    plans = [[random.choice(names) for _ in range(4)] for _ in range(processes)]
    children = [Child(sequence([firing(copies, name, NOW) for name in plan])) for plan in plans]
    ended = [child.wait() for child in children]
    assert {each.how for each in ended} <= {"succeeded", "Retryable"}, [each.said for each in ended]
    wrong = differences(one_after_the_other, settle(copies))  # type: ignore[arg-type]
    copies.put_back()
    gave_up = sum(each.how != "succeeded" for each in ended)
    tell(f"{processes} processes at once, 4 runs each, {gave_up} gave up for now", 4 * processes, wrong)


CLOCKS: Mapping[str, Sequence[timedelta]] = {
    "5 hours behind": [-5 * HOUR],
    "5 hours ahead": [5 * HOUR],
    "ahead, then behind": [3 * HOUR, -26 * HOUR],
    "each twice": [0 * HOUR, 0 * HOUR],
    "half of the firings missing": [],
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_clocks_that_are_off(clock: str, copies: CopiedScene, one_after_the_other: Rows, tell: Tell) -> None:
    for number, off in enumerate(CLOCKS[clock]):
        # The second time the other way round.
        for name in ORDER[:: -1 if number else 1]:
            run(copies.url, name, NOW + off)
            first = copies.connection.execute("SELECT count(*) FROM market.candles WHERE time >= %s", [NOW]).fetchone()
            assert first == (0,), f"{name} made candles of the future"
    if not CLOCKS[clock]:
        for name in ORDER[::2]:
            run(copies.url, name, NOW - MINUTE)
    wrong = differences(one_after_the_other, settle(copies))  # type: ignore[arg-type]
    copies.put_back()
    tell(f"clocks {clock}", 1, wrong)
