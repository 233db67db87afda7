"""The same for what changes tables and policies: maintenance and rebuilds; each case on a copy of a database."""

from datetime import datetime

import pytest
from psycopg import Connection

from chandlery.words.window import HOUR
from tests.faults.components import COMPONENTS, fire
from tests.faults.conftest import Tell
from tests.faults.databases import Templates
from tests.faults.proof import Proof
from tests.faults.scene import CopiedScene
from tests.faults.steps import KINDS, kill_before, kill_unanswered
from tests.faults.works import NOW, Subject, command, rebuild


def _rebuild(connection: Connection) -> object:
    """Rebuild, and let maintenance do what a rebuild that dies at its very end leaves to it."""
    rebuild(connection)
    return _maintain(NOW)


def _maintain(at: datetime) -> object:
    return fire(COMPONENTS["policy_maintenance"], at)


SUBJECTS = {
    # Half a day later policies are due again: one that was refused, and is tried again after what came behind it, may
    # find more to do than in its own turn.
    "policy maintenance": Subject(
        "kept", lambda: _maintain(NOW), then=lambda: (_maintain(NOW), _maintain(NOW + 12 * HOUR))
    ),
    "rebuild of 4h": command("settled", _rebuild),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SUBJECTS)
def test_the_next_run_ends_where_an_undisturbed_one_does(
    name: str, kind: str, templates: Templates, every: int, tell: Tell
) -> None:
    chosen = KINDS[kind]
    # A copy takes long: what a statement that is refused comes to is what rolling back does, at one step as at another.
    each = (4 if kind == "refused" else chosen.each) * every
    scene = CopiedScene(templates.server_url, templates.name(SUBJECTS[name].scene))
    try:
        proof = Proof(scene, SUBJECTS[name])
        proof.undisturbed()
        cases, wrong = proof.prove((at, chosen.fault(at)) for at in range(chosen.first, proof.steps + 1, each))
    finally:
        scene.close()
    tell(f"{name}: {proof.steps} steps, {cases} times {kind}", cases, wrong)


@pytest.mark.parametrize("name", SUBJECTS)
def test_what_dies_again_and_again_gets_there(name: str, templates: Templates, tell: Tell) -> None:
    scene = CopiedScene(templates.server_url, templates.name(SUBJECTS[name].scene))
    try:
        proof = Proof(scene, SUBJECTS[name])
        proof.undisturbed()
        runs, wrong = proof.again_and_again(lambda at: kill_unanswered if at % 2 else kill_before)
    finally:
        scene.close()
    tell(f"{name}: killed at its first step, the next one at its second …: through after {runs} runs", runs - 1, wrong)
