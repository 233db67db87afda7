"""Scenes of faults, and the lines that report what was proven."""

import os
from collections.abc import Callable, Iterator, Sequence

import pytest

from chandlery.outbox import deliver_messages
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from functions import historical_processor, signal_processor
from tests.faults import strategies
from tests.faults.databases import Templates, create_database, drop_database, run, set_up
from tests.faults.published import PUBLISHED
from tests.faults.scene import Scene
from tests.faults.steps import BOMB
from tests.faults.vendor import vendor_process
from tests.faults.works import NOW
from tests.proven import TOLD

Tell = Callable[[str, int, Sequence[str]], None]


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Say what was done, in N cases, and what is wrong then, which fails; repeated at the end of all tests."""

    def say(what: str, cases: int, wrong: Sequence[str]) -> None:
        record_property(TOLD, [f"{what}: {len(wrong)} differences", cases, len(wrong)])
        assert not wrong, "\n".join(wrong)

    return say


@pytest.fixture(scope="session")
def every(request: pytest.FixtureRequest) -> int:
    """Every N-th step is disturbed; this is N."""
    return 1 if request.config.getoption("--faults") else 9


@pytest.fixture(scope="package")
def fault_settings() -> Iterator[None]:
    """Small pieces, so that a run has several; rules, a bus, a topic; and a vendor in a process of its own."""
    with vendor_process() as url, pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "LIVE_PIECE_CANDLES": "200",
            "GAP_SHARE_INSTRUMENTS": "2",
            "GAP_VERIFY_BUCKETS": "100",
            "INDICATOR_PIECE_HOURS": "600",
            "CHANGES_PUBLISHED": "true",
            "EVENT_BUS_NAME": "desk",
            "ALERT_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:alerts",
            "DATABASE_LOCK_TIMEOUT_SECONDS": "10",
            "VENDOR": "polygon",
            "VENDOR_URL": url,
            "VENDOR_API_KEY": "the-vendors-own-key",
        }.items():
            environment.setenv(name, value)
        environment.setattr(deliver_messages, "_PIECE", 4)
        for each in (historical_processor, signal_processor):
            environment.setattr(each, "read_rules", strategies.rules)
        PUBLISHED.take_over(environment)
        yield


@pytest.fixture(scope="package")
def faults_url(server_url: str, fault_settings: None) -> Iterator[str]:
    """A desk's database on the server."""
    name = f"chandlery_faults_{os.getpid()}"
    url = create_database(server_url, name)
    with connect(Settings(database_url=url), "test") as connection:
        connection.execute(BOMB)
        set_up(connection, url)
    yield url
    drop_database(server_url, name)


@pytest.fixture(scope="module")
def templates(server_url: str, fault_settings: None) -> Iterator[Templates]:
    """What copies are made of."""
    found = Templates(server_url)
    yield found
    found.drop()


@pytest.fixture(scope="package")
def scenes(faults_url: str) -> Iterator[dict[str, Scene]]:
    """By name: `waiting`, where ticks wait for the processors; `aggregated`, where derived candles wait for theirs."""
    found = {"waiting": Scene(faults_url, "waiting")}
    for name in ("live_processor", "live_gap_monitor", "historical_gap_monitor"):
        run(faults_url, name, NOW)
    found["aggregated"] = Scene(faults_url, "aggregated")
    yield found
    for each in found.values():
        each.close()
