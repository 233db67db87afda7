"""What takes too long is given up by one thread, whatever request it belongs to."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import Connection
from psycopg.errors import QueryCanceled

from functions.http_api.deadline import Deadline
from tests.waiting import wait_until

LONG = 60.0


@pytest.fixture
def deadline() -> Iterator[Deadline]:
    deadline = Deadline()
    yield deadline
    deadline.close()


@pytest.fixture
def session(server_url: str) -> Iterator[Connection]:
    with psycopg.connect(server_url, autocommit=True) as session:
        yield session


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def give_up(deadline: Deadline, session: Connection) -> None:
    with pytest.raises(QueryCanceled), deadline.over(session, 0.05):
        session.execute("SELECT pg_sleep(60)")


def test_what_takes_too_long_is_cancelled_and_the_connection_lives(deadline: Deadline, session: Connection) -> None:
    give_up(deadline, session)
    with deadline.over(session, LONG):
        assert session.execute("SELECT 1").fetchone() == (1,)
    # An earlier deadline than the one it sleeps for wakes it.
    give_up(deadline, session)


def test_time_that_is_over_already_ends_a_statement_that_begins(deadline: Deadline, session: Connection) -> None:
    with pytest.raises(QueryCanceled), deadline.over(session, -1):
        session.execute("SELECT pg_sleep(60)")


def test_what_ended_in_time_is_not_cancelled_afterwards(deadline: Deadline, session: Connection) -> None:
    with deadline.over(session, 0.05):
        session.execute("SELECT 1")
    # Its deadline passes meanwhile.
    session.execute("SELECT pg_sleep(0.2)")


def test_however_many_requests_one_thread_watches_until_it_is_closed(deadline: Deadline, session: Connection) -> None:
    before = threads()
    for _ in range(50):
        with deadline.over(session, LONG):
            session.execute("SELECT 1")
    (watching,) = threads() - before
    deadline.close()
    wait_until(lambda: not watching.is_alive(), "the thread ends")


def test_a_connection_that_is_gone_does_not_end_the_watch(deadline: Deadline, server_url: str) -> None:
    gone = psycopg.connect(server_url)
    gone.close()
    for _ in range(3):
        with deadline.over(gone, -1):
            pass
    with psycopg.connect(server_url, autocommit=True) as session:
        give_up(deadline, session)
