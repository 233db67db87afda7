"""Two evaluators at once, and one that dies: one firing and one message each."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg import Connection
from psycopg import errors as pg

from chandlery.desk.evaluate_alerts import AlertsReport
from chandlery.desk.keep_alerts import change_alert
from chandlery.desk.store import evaluation
from chandlery.desk.store.acting import evaluating
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.words.window import Window
from tests.integration.desk.desk_scene import ANNA, arm, at, evaluate, fired, market_of, put
from tests.integration.market import MINUTE

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def set_scene(connection: Connection, alerts: int) -> None:
    market_of(connection)
    for _ in range(alerts):
        arm(connection, at("14:29"), "high", 100)
    put(connection, at("14:30"), "99")
    put(connection, at("14:31"), "99 101 99 101")


def test_two_evaluators_at_once_fire_once(server_url: str, connection: Connection, database_url: str) -> None:
    set_scene(connection, 20)

    def run(_: int) -> AlertsReport:
        with connect(Settings(database_url=database_url), "test") as own:
            return evaluate(own, at("14:32"))

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(run, range(4)))
    assert sum(each.alerts_fired for each in reports) == 20
    assert fired(connection) == [f"02 14:31 alert {n}" for n in range(1, 21)]
    assert connection.execute("SELECT count(*) FROM market.outbox WHERE topic = 'alerts'").fetchone() == (20,)


def test_a_run_that_dies_leaves_all_to_the_next(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(connection, 2)
    whole = evaluation.evaluate

    def dies(*arguments: Any) -> Any:
        whole(*arguments)
        raise pg.AdminShutdown

    monkeypatch.setattr(evaluation, "evaluate", dies)
    with pytest.raises(Exception, match="could not do it now"):
        evaluate(connection, at("14:32"))
    assert fired(connection) == []
    monkeypatch.undo()
    assert evaluate(connection, at("14:32")).alerts_fired == 2
    assert fired(connection) == ["02 14:31 alert 1", "02 14:31 alert 2"]


def test_what_a_user_changes_meanwhile_is_his(server_url: str, connection: Connection, database_url: str) -> None:
    """The evaluation waits for him, and goes by what he made of it."""
    set_scene(connection, 1)
    due = at("14:32")
    with connect(Settings(database_url=database_url), "user") as user, ThreadPoolExecutor(1) as pool:
        with user.transaction():
            change_alert(user, ANNA, at("14:31:59"), 1, {"level": 500}, None)

            def run() -> int:
                with connect(Settings(database_url=database_url), "test") as own, evaluating(own):
                    return evaluation.evaluate(own, Window(due - 2 * MINUTE, due), due, due).fired

            running = pool.submit(run)
            while connection.execute(WAITING).fetchone() != (1,):
                assert not running.done(), running.result()
        assert running.result() == 0
    assert fired(connection) == []
