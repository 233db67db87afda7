"""The proof for one component: whatever happens to a run, the next one ends where an undisturbed one does."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from tests.faults.contents import Digest, differences
from tests.faults.published import PUBLISHED
from tests.faults.scene import CopiedScene, Scene
from tests.faults.steps import Fault, kill_before, kill_unanswered
from tests.faults.trial import Ended, Work, in_child, wait_until_gone
from tests.faults.works import Subject

# How a disturbed run may end.
_ALLOWED = {"killed", "succeeded", "Retryable"}


@dataclass
class Proof:
    """Cases of one component over one scene."""

    scene: Scene | CopiedScene
    subject: Subject
    steps: int = 0
    _wanted: Digest = field(default_factory=dict)
    _views: Digest = field(default_factory=dict)
    _rows: Mapping[str, object] = field(default_factory=dict)
    # States that a clean run was seen to repair.
    _healed: set[frozenset[tuple[str, tuple[int, int]]]] = field(default_factory=set)

    def run(self, at: int = 0, fault: Fault | None = None) -> Ended:
        """One run in a process of its own."""
        return in_child(self._here(self.subject), at, fault)

    def _next(self) -> Ended:
        return in_child(self._here(self.subject.then or self.subject))

    def _here(self, work: Work) -> Work:
        def done() -> object:
            os.environ["DATABASE_URL"] = self.scene.url
            return work()

        return done

    def undisturbed(self) -> None:
        """Learn what is wanted, from one run that nothing disturbs, and what comes next; that changes nothing again."""
        PUBLISHED.forget(self.scene.connection)
        ended = self.run()
        assert (ended.how, ended.said) == ("succeeded", "")
        self.steps = ended.steps
        if self.subject.then:
            assert self._next().how == "succeeded"
        self._wanted = self.scene.contents.digest(self.scene.connection)
        assert self.scene.contents.state(self.scene.connection) != self.scene.before, "it had nothing to do"
        self._views = self.scene.contents.views(self.scene.connection)
        self._rows = self.scene.contents.rows(self.scene.connection)
        assert self._next().how == "succeeded"
        assert self.differing() == []
        self._put_back()
        put_back = self.scene.contents.state(self.scene.connection)
        other = [name for name in put_back if put_back[name] != self.scene.before[name]]
        assert other == [], f"not put back: {other}"

    def differing(self) -> list[str]:
        """The rows that are not as an undisturbed run leaves them."""
        contents, connection = self.scene.contents, self.scene.connection
        found = {**contents.digest(connection), **contents.views(connection)}
        wanted = {**self._wanted, **self._views}
        names = [name for name in found if found[name] != wanted[name]]
        rows = differences(self._rows, contents.rows(connection, names)) if names else []  # type: ignore[arg-type]
        return [*rows, *PUBLISHED.wrong(connection)]

    def _put_back(self) -> None:
        self.scene.put_back()
        PUBLISHED.forget(self.scene.connection)

    def prove(self, cases: Iterable[tuple[int, Fault]]) -> tuple[int, list[str]]:
        """Disturb a run at each of these steps, from the scene; returns how often, and what was wrong."""
        wrong, done = [], 0
        for at, fault in cases:
            done += 1
            ended = self.run(at, fault)
            if fault in (kill_before, kill_unanswered) and ended.how != "killed":
                wrong.append(f"step {at}: it lived on, and {ended.how}")
            if ended.how not in _ALLOWED:
                wrong.append(f"step {at}: {ended.how}: {ended.said}")
            wait_until_gone(self.scene.connection)
            wrong += [f"step {at}, {ended.how}: {each}" for each in self._heal()]
        return done, wrong

    def again_and_again(self, fault: Callable[[int], Fault]) -> tuple[int, list[str]]:
        """Disturb a run at its first step, the next one at its second, and so on, till one comes to its end."""
        self._put_back()
        for at in count(1):
            ended = self.run(at, fault(at))
            if ended.how == "succeeded":
                break
            wait_until_gone(self.scene.connection)
        wrong = self._next_and_differing() if self.subject.then else self.differing()
        self._put_back()
        return at, wrong

    def _heal(self) -> list[str]:
        state = self.scene.contents.state(self.scene.connection)
        # Whatever has died: a state that was healed before may be one in which other things were published.
        wrong = list(PUBLISHED.wrong(self.scene.connection))
        if state == self.scene.before:
            return wrong
        key = frozenset(state.items())
        if key not in self._healed:
            wrong += self._next_and_differing()
            if not wrong:
                self._healed.add(key)
        self._put_back()
        return wrong

    def _next_and_differing(self) -> list[str]:
        ended = self._next()
        wrong = [] if ended.how == "succeeded" else [f"the next run: {ended.how}: {ended.said}"]
        return wrong + self.differing()
