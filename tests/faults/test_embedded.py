"""The same on the embedded database, in short: one session serves all, and must let go of what a dead run held."""

from collections.abc import Iterator

import pytest

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from tests.conftest import SERVER_URL, empty
from tests.faults.conftest import Tell
from tests.faults.databases import set_up
from tests.faults.proof import Proof
from tests.faults.scene import Scene
from tests.faults.steps import cut_unanswered, kill_before, kill_unanswered
from tests.faults.works import SUBJECTS


@pytest.fixture
def scene(database_url: str, fault_settings: None) -> Iterator[Scene]:
    if SERVER_URL is not None:
        pytest.skip("on a server every step is disturbed: test_every_step.py")
    with connect(Settings(database_url=database_url), "test") as connection:
        set_up(connection, database_url, ["live_processor"])
        connection.execute("SET client_min_messages = warning")
        found = Scene(database_url, "waiting")
        yield found
        found.close()
        connection.execute("DROP SCHEMA faults_waiting CASCADE")
        empty(connection)


def test_the_next_run_ends_where_an_undisturbed_one_does(scene: Scene, tell: Tell) -> None:
    proof = Proof(scene, SUBJECTS["live processor"])
    proof.undisturbed()
    kinds = (kill_before, kill_unanswered, cut_unanswered)
    cases, wrong = proof.prove((at, kinds[at % 3]) for at in range(2, proof.steps + 1, 2))
    tell(f"live processor, embedded: {proof.steps} steps, {cases} times killed or cut off", cases, wrong)
