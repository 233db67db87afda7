"""A run that publishes its changes dies at any statement: nothing is lost, published twice or published in vain."""

from collections.abc import Iterator

import pytest
from psycopg import Connection

from tests.conftest import empty
from tests.faults.components import COMPONENTS, fire
from tests.faults.conftest import Tell
from tests.faults.published import PUBLISHED, Published
from tests.faults.steps import Fault, kill_before, kill_unanswered
from tests.faults.trial import Ended, in_child, wait_until_gone
from tests.integration.market import MINUTE, NOON, around_the_clock, insert
from tests.plain_fold import Tick

SETTINGS = {
    "EVENT_BUS_NAME": "desk",
    "CHANGES_PUBLISHED": "true",
    "LIVE_PIECE_CANDLES": "1",
    "LIVE_SETTLE_SECONDS": "0",
}
# Instruments of a minute each, so that each candle is a change of its own.
INSTRUMENTS = 3


@pytest.fixture
def told(server_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Published:
    for name, value in {**SETTINGS, "DATABASE_URL": database_url}.items():
        monkeypatch.setenv(name, value)
    PUBLISHED.take_over(monkeypatch)
    return PUBLISHED


def set_scene(connection: Connection) -> None:
    """A minute of each instrument that waits to be made."""
    empty(connection)
    ids = around_the_clock(connection, *(f"X@{number}@EQ" for number in range(INSTRUMENTS)))
    for minute, instrument in enumerate(ids):
        insert(connection, instrument, [Tick(NOON + minute * MINUTE, 0, 10, 1)])  # type: ignore[arg-type]


def run(at: int = 0, fault: Fault | None = None) -> Ended:
    return in_child(lambda: fire(COMPONENTS["live_processor"], NOON + 5 * MINUTE), at, fault)


def wrong(connection: Connection, told: Published) -> Iterator[str]:
    """What is not as it should be, after a run that nothing disturbed."""
    stored = set(
        connection.execute(
            "SELECT instrument_key, time FROM market.candles JOIN market.instruments USING (instrument_id)"
        )
    )
    written = [body for (body,) in connection.execute("SELECT body FROM market.outbox ORDER BY id")]
    if len(stored) != INSTRUMENTS:
        yield f"{len(stored)} candles"
    named = [key for body in written for key in body["instruments"]]
    if sorted(named) != sorted(key for key, _ in stored):
        yield f"published {named}"
    edges = {time.isoformat() for _, time in stored} | {(time + MINUTE).isoformat() for _, time in stored}
    if not {body[name] for body in written for name in ("starts", "ends")} <= edges:
        yield f"published {written}"
    if left := connection.execute("SELECT FROM market.unpublished_changes").fetchall():
        yield f"{len(left)} changes are not published"
    if left := connection.execute("SELECT key FROM market.outbox WHERE sent_at IS NULL").fetchall():
        yield f"not delivered: {left}"
    yield from told.wrong(connection)
    if len({each["key"] for each in told.bodies}) != len(written):
        yield f"published {told.bodies}"


@pytest.mark.parametrize("kill", [kill_before, kill_unanswered])
def test_a_run_that_dies_at_a_statement_loses_no_change_and_invents_none(
    kill: Fault, connection: Connection, told: Published, every: int, tell: Tell
) -> None:
    set_scene(connection)
    told.forget(connection)
    undisturbed = run()
    assert (undisturbed.how, undisturbed.said) == ("succeeded", "")
    assert list(wrong(connection, told)) == []
    found: list[str] = []
    steps = range(1, undisturbed.steps + 1, every)
    for at in steps:
        set_scene(connection)
        told.forget(connection)
        assert run(at, kill).how == "killed"
        wait_until_gone(connection)
        assert run().how == "succeeded"
        found += [f"step {at}: {each}" for each in wrong(connection, told)]
    tell(f"live processor that publishes: killed at {len(steps)} of {undisturbed.steps} steps", len(steps), found)
