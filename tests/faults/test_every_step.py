"""Components and commands that die, lose their connection or are refused, at every step: the next run repairs it."""

from collections.abc import Callable

import pytest

from tests.faults.conftest import Tell
from tests.faults.proof import Proof
from tests.faults.scene import Scene
from tests.faults.steps import KINDS, kill_before, kill_unanswered
from tests.faults.works import SUBJECTS

Begun = Callable[[str], Proof]


@pytest.fixture(scope="module")
def begun(scenes: dict[str, Scene]) -> Begun:
    """A subject's proof by name; what an undisturbed run comes to is found out once."""
    proofs: dict[str, Proof] = {}

    def begin(name: str) -> Proof:
        subject = SUBJECTS[name]
        scenes[subject.scene].put_back()
        if name not in proofs:
            proofs[name] = Proof(scenes[subject.scene], subject)
            proofs[name].undisturbed()
        return proofs[name]

    return begin


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SUBJECTS)
def test_the_next_run_ends_where_an_undisturbed_one_does(
    name: str, kind: str, begun: Begun, every: int, tell: Tell
) -> None:
    proof, chosen = begun(name), KINDS[kind]
    cases, wrong = proof.prove(
        (at, chosen.fault(at)) for at in range(chosen.first, proof.steps + 1, chosen.each * every)
    )
    tell(f"{name}: {proof.steps} steps, {cases} times {kind}", cases, wrong)


@pytest.mark.parametrize("name", SUBJECTS)
def test_what_dies_again_and_again_gets_there(name: str, begun: Begun, tell: Tell) -> None:
    runs, wrong = begun(name).again_and_again(lambda at: kill_unanswered if at % 2 else kill_before)
    tell(f"{name}: killed at its first step, the next one at its second …: through after {runs} runs", runs - 1, wrong)


@pytest.mark.parametrize(
    ("name", "lock"),
    [
        ("live processor", "market.candles"),
        ("live gap monitor", "market.gaps"),
        ("historical gap monitor", "market.candles"),
        ("historical processor", "market.indicator_values"),
        ("import of candles", "market.candles"),
    ],
)
def test_a_lock_that_another_session_holds_too_long(
    name: str, lock: str, begun: Begun, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = begun(name)
    monkeypatch.setenv("DATABASE_LOCK_TIMEOUT_SECONDS", "1")
    with proof.scene.connection.transaction():
        proof.scene.connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [lock])
        ended = proof.run()
        assert (ended.how, "lock timeout" in ended.said) == ("Retryable", True), ended
    assert proof.run().how == "succeeded"
    wrong = proof.differing()
    tell(f"{name}: waited in vain for {lock}", 1, wrong)
