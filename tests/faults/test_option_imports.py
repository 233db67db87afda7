"""Files of options come in whole or not at all: killed at any statement, two at once, or twice."""

import os
from collections.abc import Callable, Sequence

import pytest
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from tests.faults.conftest import Tell
from tests.faults.option_files import IMPORTS, number_again
from tests.faults.scene import Scene
from tests.faults.steps import kill_before, kill_unanswered
from tests.faults.trial import Child, in_child, wait_until_gone

# What a file brings in.
_BROUGHT = ("option_contracts", "rates", "open_interest", "option_quotes", "ticks", "candles", "imports", "dirty")
# What one of two at once may come to.
_ALLOWED = ("succeeded", "Retryable")


class Trial:
    """An import into the desk where work waits."""

    def __init__(self, scene: Scene, bring_in: Callable[[Connection], object]) -> None:
        self.scene, self._bring_in = scene, bring_in
        self.put_back()

    def put_back(self) -> None:
        self.scene.put_back()
        number_again(self.scene.connection)

    def work(self) -> object:
        os.environ["DATABASE_URL"] = self.scene.url
        with connect(Settings(), "command") as connection:
            return self._bring_in(connection)

    def found(self) -> Sequence[object]:
        digest = self.scene.contents.digest(self.scene.connection)
        # Of instruments how many there are: from when on they have candles is counted once these are in.
        instruments = self.scene.connection.execute("SELECT count(*) FROM market.instruments").fetchone()
        return [instruments, *(digest[name] for name in _BROUGHT)]

    def once_more(self) -> Sequence[object]:
        number_again(self.scene.connection)
        ended = in_child(self.work)
        assert (ended.how, ended.said) == ("succeeded", "")
        return self.found()


@pytest.mark.parametrize("name", IMPORTS)
def test_a_file_comes_in_whole_or_not_at_all(name: str, scenes: dict[str, Scene], every: int, tell: Tell) -> None:
    trial = Trial(scenes["waiting"], IMPORTS[name])
    nothing = trial.found()
    undisturbed = in_child(trial.work)
    assert (undisturbed.how, undisturbed.said) == ("succeeded", "")
    whole = trial.found()
    assert whole != nothing
    wrong = [] if trial.once_more() == whole else ["a second time it is not the same"]
    cases = [(at, fault) for at in range(1, undisturbed.steps + 1, every) for fault in (kill_before, kill_unanswered)]
    ends = set()
    for at, fault in cases:
        trial.put_back()
        ended = in_child(trial.work, at, fault)
        wait_until_gone(trial.scene.connection)
        left = trial.found()
        ends.add(left == whole)
        if ended.how != "killed" or left not in (nothing, whole):
            wrong.append(f"step {at}: {ended.how}, and a part of it is there")
        if trial.once_more() != whole:
            wrong.append(f"step {at}: the next import is not the whole")
    # Two at once: one of them waits, or comes again.
    trial.put_back()
    both = [Child(trial.work), Child(trial.work)]
    ended_both = [each.wait() for each in both]
    wrong += [f"two at once: {each.how}: {each.said}" for each in ended_both if each.how not in _ALLOWED]
    if trial.once_more() != whole:
        wrong.append("two at once do not come to the whole")
    trial.scene.put_back()
    told = f"import of {name}: {undisturbed.steps} steps, {len(cases)} times killed, twice at once"
    tell(told, len(cases) + 2, wrong)
