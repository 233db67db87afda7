"""Nobody sees or changes what is another user's: by no SQL role and no login."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg import errors as pg

from chandlery.desk.at_desk import describe_user
from chandlery.desk.domain.user import Caller
from chandlery.desk.keep_alerts import (
    AlertsWanted,
    add_alert,
    change_alert,
    delete_alert,
    find_alert,
    list_alerts,
    list_firings,
)
from chandlery.desk.keep_items import add_item, change_item, delete_item, list_items
from chandlery.desk.keep_watchlists import (
    add_watchlist,
    change_watchlist,
    delete_watchlist,
    find_watchlist,
    list_watchlists,
)
from chandlery.desk.store.acting import acting_for
from chandlery.platform.connection import connect
from chandlery.platform.errors import ChandleryError, Forbidden, NotFound, Permanent
from chandlery.platform.settings import Settings
from tests.conftest import SERVER_URL
from tests.integration.desk.desk_scene import ANNA, BEN, KEY, arm, at, evaluate, fired, live, market_of
from tests.integration.platform.test_roles import acting_as

OWN = ("users", "watchlists", "watchlist_items", "alerts", "alert_firings")
NOW = at("14:40")


@pytest.fixture
def desk(connection: Connection) -> Connection:
    """Anna has a list with an item that has fired; Ben has nothing."""
    market_of(connection, KEY, "X@B@EQ")
    add_watchlist(connection, ANNA, at("14:20"), {"name": "Mine", "is_default": True})
    add_item(connection, ANNA, at("14:20"), 1, {"instrument_key": KEY, "price_alert_high": 100})
    arm(connection, at("14:20"), "low", 50)
    live(connection, at("14:30"), "99", "99 101 99 99")
    assert fired(connection) == ["02 14:31 alert 1"]
    describe_user(connection, BEN, NOW)
    return connection


def rows(connection: Connection, table: str) -> list[Any]:
    return connection.execute(f"SELECT * FROM market.{table}").fetchall()  # noqa: S608


@pytest.mark.parametrize(
    "attempt",
    [
        lambda c: find_watchlist(c, BEN, NOW, 1),
        lambda c: change_watchlist(c, BEN, NOW, 1, {"name": "Ben's"}, None),
        lambda c: delete_watchlist(c, BEN, NOW, 1, None),
        lambda c: list_items(c, BEN, NOW, 1),
        lambda c: add_item(c, BEN, NOW, 1, {"instrument_key": KEY}),
        lambda c: change_item(c, BEN, NOW, 1, 1, {"notes": "Ben was here"}, None),
        lambda c: delete_item(c, BEN, NOW, 1, 1, None),
        lambda c: find_alert(c, BEN, NOW, 2),
        lambda c: change_alert(c, BEN, NOW, 2, {"level": 1}, None),
        lambda c: delete_alert(c, BEN, NOW, 2, None),
        lambda c: list_firings(c, BEN, NOW, 1, 10),
    ],
)
def test_what_is_anothers_is_not_there(desk: Connection, attempt: Any) -> None:
    before = {table: rows(desk, table) for table in OWN}
    with pytest.raises(NotFound):
        attempt(desk)
    assert {table: rows(desk, table) for table in OWN} == before
    assert list_watchlists(desk, BEN, NOW) == list_alerts(desk, BEN, NOW, AlertsWanted()) == []
    assert list_firings(desk, BEN, NOW, None, 10) == []


def test_a_transaction_of_one_user_sees_and_writes_his_rows_alone(desk: Connection) -> None:
    add_watchlist(desk, BEN, NOW, {"name": "Ben's"})
    add_alert(desk, BEN, NOW, {"instrument_key": KEY, "side": "low", "level": 1})
    with acting_for(desk, "ben"):
        assert [[row[1] for row in rows(desk, table)] for table in OWN[1:]] == [["ben"], [], ["ben"], []]
        assert [row[0] for row in rows(desk, "users")] == ["ben"]
        assert desk.execute("UPDATE market.alerts SET level = 1 WHERE user_id <> 'ben'").rowcount == 0
        assert desk.execute("DELETE FROM market.watchlists WHERE user_id <> 'ben'").rowcount == 0
        # The planner's statistics reveal nothing either.
        assert desk.execute("SELECT count(*) FROM pg_stats WHERE tablename = ANY (%s)", [list(OWN)]).fetchone() == (0,)
    for forged in (
        "INSERT INTO market.watchlists (user_id, name) VALUES ('anna', 'forged')",
        "INSERT INTO market.alerts (user_id, instrument_id, side, level) VALUES ('anna', 1, 'high', 1)",
        # What is his does not become another's.
        "UPDATE market.watchlists SET user_id = 'anna'",
        "UPDATE market.alerts SET user_id = 'anna'",
        "UPDATE market.users SET user_id = 'anna'",
        "UPDATE market.users SET is_admin = true",
        "UPDATE market.users SET is_active = true",
        "INSERT INTO market.users (user_id) VALUES ('carl')",
        "INSERT INTO market.alert_firings SELECT * FROM market.alert_firings",
        "SELECT * FROM market.watched_instruments",
        "SELECT * FROM market.alert_minutes",
        "SELECT * FROM market.outbox",
        "SELECT * FROM market.candles",
    ):
        # Translated by the transaction that it breaks.
        with pytest.raises(Permanent, match="lacks a right"), acting_for(desk, "ben"):
            desk.execute(forged)
    # An item does not come into the list of another by its number, or an alert to his item.
    with pytest.raises(ChandleryError, match="foreign key"), acting_for(desk, "ben"):
        desk.execute("UPDATE market.alerts SET item_id = 1")
    with pytest.raises(ChandleryError, match="foreign key"), acting_for(desk, "ben"):
        desk.execute("INSERT INTO market.watchlist_items (watchlist_id, instrument_id, position) VALUES (1, 2, 0)")


@pytest.mark.parametrize("name", ["chandlery_reader", "chandlery_writer", "chandlery_producer"])
def test_other_roles_have_nothing_of_it(desk: Connection, migrated_url: str, name: str) -> None:
    with acting_as(name, migrated_url) as url, connect(Settings(database_url=url), "test") as own:
        if SERVER_URL is None:
            own.execute(f"SET ROLE {name}")
        for user in ("", "anna"):
            own.execute("SELECT set_config('chandlery.user', %s, false)", [user])
            for table in OWN:
                try:
                    assert rows(own, table) == []
                except pg.InsufficientPrivilege:
                    continue
        own.execute("SELECT set_config('chandlery.user', '', false)")
        if name != "chandlery_writer" and SERVER_URL is not None:
            for role in ("chandlery_desk", "chandlery_alerts", "chandlery_owner"):
                with pytest.raises(pg.InsufficientPrivilege):
                    own.execute(f"SET ROLE {role}")


def test_the_owner_sees_no_more_than_others(desk: Connection, migrated_url: str) -> None:
    """All that connects as the owner: policy maintenance, the historical processor."""
    desk.execute("SET ROLE chandlery_owner")
    try:
        assert [rows(desk, table) for table in OWN] == [[], [], [], [], []]
        assert desk.execute("DELETE FROM market.alerts").rowcount == 0
        with pytest.raises(pg.InsufficientPrivilege, match="row-level security"):
            desk.execute("INSERT INTO market.users (user_id) VALUES ('carl')")
    finally:
        desk.execute("RESET ROLE")


def test_a_member_of_the_writer_evaluates_and_sees_no_watchlists(desk: Connection, migrated_url: str) -> None:
    with acting_as("chandlery_writer", migrated_url) as url, connect(Settings(database_url=url), "test") as own:
        if SERVER_URL is None:
            own.execute("SET ROLE chandlery_writer")
        assert evaluate(own, NOW).alerts_armed == 1
        if SERVER_URL is not None:
            own.execute("SET ROLE chandlery_alerts")
            assert len(rows(own, "alerts")) == 2
            for table in ("users", "watchlists", "watchlist_items"):
                with pytest.raises(pg.InsufficientPrivilege):
                    rows(own, table)
            for forged in (
                "DELETE FROM market.alerts",
                "UPDATE market.alerts SET user_id = 'ben'",
                "UPDATE market.alerts SET level = 1",
                "UPDATE market.alert_firings SET user_id = 'ben'",
                "INSERT INTO market.alerts (user_id, instrument_id, side, level) VALUES ('ben', 1, 'high', 1)",
            ):
                with pytest.raises(pg.InsufficientPrivilege):
                    own.execute(forged)


def test_a_login_of_the_desk_alone_serves_it(desk: Connection, migrated_url: str) -> None:
    if SERVER_URL is None:
        pytest.skip("the embedded database has one login: set CHANDLERY_TEST_DATABASE_URL")
    with acting_as("chandlery_desk", migrated_url) as url, connect(Settings(database_url=url), "test") as own:
        (found,) = list_watchlists(own, ANNA, NOW)
        assert change_watchlist(own, ANNA, NOW, 1, {"colour": "#00ff00"}, found.revision).colour == "#00ff00"
        with pytest.raises(Permanent, match="lacks a right"):
            evaluate(own, NOW)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            own.execute("SET ROLE chandlery_owner")


def test_a_reader_cannot_take_the_role(desk: Connection, migrated_url: str) -> None:
    if SERVER_URL is None:
        pytest.skip("the embedded database has one login: set CHANDLERY_TEST_DATABASE_URL")
    with acting_as("chandlery_reader", migrated_url) as url, connect(Settings(database_url=url), "test") as own:
        for attempt in (lambda: list_watchlists(own, ANNA, NOW), lambda: evaluate(own, NOW)):
            with pytest.raises(Permanent, match="lacks a right"):
                attempt()


def test_who_was_switched_off_is_let_in_no_more(desk: Connection) -> None:
    desk.execute("UPDATE market.users SET is_active = false WHERE user_id = 'anna'")
    with pytest.raises(Forbidden):
        list_watchlists(desk, ANNA, NOW)
    assert list_watchlists(desk, BEN, NOW) == []


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 5000])
def test_nobody_is_no_user(name: str) -> None:
    with pytest.raises(ValueError, match="needs a name"):
        Caller(name)


def test_no_role_of_the_desk_passes_row_security(connection: Connection) -> None:
    found = connection.execute(
        "SELECT rolsuper OR rolbypassrls OR rolcanlogin FROM pg_roles"
        " WHERE rolname IN ('chandlery_desk', 'chandlery_alerts')"
    ).fetchall()
    assert found == [(False,), (False,)]
    forced = connection.execute(
        "SELECT count(*) FROM pg_class"
        " WHERE relnamespace = 'market'::regnamespace AND relforcerowsecurity AND relrowsecurity"
    ).fetchone()
    assert forced == (len(OWN),)


def test_no_view_and_no_function_with_its_owners_rights_shows_it(connection: Connection) -> None:
    tables = [f"market.{table}" for table in OWN]
    views = connection.execute(
        "SELECT r.ev_class::regclass::text FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid"
        " WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = ANY (%s::text[]::regclass[])",
        [tables],
    ).fetchall()
    assert views == []
    names = "|".join(OWN)
    functions = connection.execute(
        "SELECT proname::text FROM pg_proc WHERE pronamespace = 'market'::regnamespace AND prosecdef AND prosrc ~ %s",
        [rf"\m({names})\M"],
    ).fetchall()
    assert functions == []


def test_the_role_ends_with_the_transaction(desk: Connection) -> None:
    before = desk.execute("SELECT current_user").fetchone()
    list_watchlists(desk, ANNA, NOW)
    with pytest.raises(NotFound):
        find_alert(desk, ANNA, NOW, 99)
    told = desk.execute("SELECT current_user, current_setting('chandlery.user', true)").fetchone()
    assert told == (before[0] if before else None, "")


@pytest.fixture(autouse=True)
def _settled(connection: Connection) -> Iterator[None]:
    yield
    connection.execute("RESET ROLE")
