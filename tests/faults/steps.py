"""Faults at the n-th step: each round trip of psycopg to the server, BEGIN, COMMIT and parts of a COPY included."""

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg
from psycopg import Connection, errors
from psycopg.pq import TransactionStatus
from psycopg.waiting import Ready, Wait

from tests.waiting import LAST_RESORT_SECONDS

Exchange = Generator[Any, Any, Any]
Fault = Callable[["Connection[Any]", Exchange], Any]
EVERY = -1

_wait = Connection.wait


@dataclass
class Count:
    """Steps taken so far."""

    steps: int = 0


@contextmanager
def stepping(at: int = 0, fault: Fault | None = None) -> Iterator[Count]:
    """Count the steps of this process, and replace one of them by a fault; 0: none, EVERY: each."""
    count = Count()

    def wait(connection: "Connection[Any]", exchange: Exchange, *args: Any, **values: Any) -> Any:
        if _is_inner(connection, exchange):
            return _wait(connection, exchange, *args, **values)
        count.steps += 1
        if at in (count.steps, EVERY) and fault is not None:
            return fault(connection, exchange)
        return _wait(connection, exchange, *args, **values)

    Connection.wait = wait  # type: ignore[method-assign, assignment]
    try:
        yield count
    finally:
        Connection.wait = _wait  # type: ignore[method-assign]


def go_on(connection: "Connection[Any]", exchange: Exchange) -> Any:
    """The step is taken, after all."""
    return _wait(connection, exchange)


def is_commit_of_writes(connection: "Connection[Any]", exchange: Exchange) -> bool:
    """Whether the step ends a transaction that has written."""
    if _name(exchange) != "_exit_gen" or connection.pgconn.transaction_status != TransactionStatus.INTRANS:
        return False
    cursor = psycopg.Cursor(connection)
    _wait(connection, cursor._execute_gen("SELECT txid_current_if_assigned() IS NOT NULL"))
    return cursor.fetchone() == (True,)


def kill_before(_connection: "Connection[Any]", _exchange: Exchange) -> Any:
    """The process dies before it sends the statement."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_unanswered(connection: "Connection[Any]", exchange: Exchange) -> Any:
    """The process dies once the server has the statement, and never reads the answer."""
    _tell(connection, exchange)
    os.kill(os.getpid(), signal.SIGKILL)


def terminate(connection: "Connection[Any]", exchange: Exchange) -> Any:
    """The server ends the session, as an administrator would, before the statement."""
    if connection.pgconn.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.INTRANS):
        return cut_unanswered(connection, exchange)
    _end_session(connection)
    return _wait(connection, exchange)


def terminate_amid(seed: int, most_seconds: float = 0.02) -> Fault:
    """The server ends the session some time after it began with the statement."""

    def fault(connection: "Connection[Any]", exchange: Exchange) -> Any:
        rest = _tell(connection, exchange)
        time.sleep(Random(seed).random() * most_seconds)
        _end_session(connection)
        return _finish(connection, rest)

    return fault


def _end_session(connection: "Connection[Any]") -> None:
    """Another session does: one that acts as a role of the desk may not."""
    info = connection.info
    with psycopg.connect(info.dsn, password=info.password, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, %s)", [info.backend_pid, 1000 * int(LAST_RESORT_SECONDS)])


def cut_unanswered(connection: "Connection[Any]", exchange: Exchange) -> Any:
    """The network breaks: the server has done its work, and its answer is lost."""
    rest = _tell(connection, exchange)
    if not isinstance(rest, _Done) and rest.state is Wait.R:
        select.select([connection.fileno()], [], [], LAST_RESORT_SECONDS)
    ours, theirs = socket.socketpair()
    theirs.close()
    # In the place of the connection's socket: both sides see it closed.
    os.dup2(ours.fileno(), connection.fileno())
    return _finish(connection, rest)


def refuse(code: str) -> Fault:
    """The server answers with an error in the place of the statement, and ends the transaction."""

    def fault(connection: "Connection[Any]", exchange: Exchange) -> Any:
        status, name = connection.pgconn.transaction_status, _name(exchange)
        if name == "_enter_gen":
            # psycopg must know that it began.
            _wait(connection, exchange)
            return _raise(connection, code)
        if name == "_exit_gen" and status == TransactionStatus.INTRANS:
            # COMMIT itself must fail: by a trigger that waits for it.
            _execute(connection, f"INSERT INTO faults.bomb VALUES ('{code}')")  # noqa: S608
            return _wait(connection, exchange)
        if status in (TransactionStatus.IDLE, TransactionStatus.INTRANS):
            return _raise(connection, code)
        if name == "_exit_gen":
            return _wait(connection, exchange)
        # In the middle of a COPY: psycopg ends it as it would after any error.
        raise errors.lookup(code)("injected")

    return fault


BOMB = """
CREATE SCHEMA faults;
CREATE TABLE faults.bomb (code text);
CREATE FUNCTION faults.go_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'injected' USING ERRCODE = NEW.code;
END
$$;
CREATE CONSTRAINT TRIGGER go_off AFTER INSERT ON faults.bomb DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION faults.go_off();
"""


@dataclass
class _Rest:
    """An exchange that waits."""

    exchange: Exchange
    state: Wait


@dataclass
class _Done:
    """An exchange that is over."""

    value: Any


def _is_inner(connection: "Connection[Any]", exchange: Exchange) -> bool:
    """Whether it is a matter of psycopg's own, of which the server hears nothing."""
    name, status = _name(exchange), connection.pgconn.transaction_status
    return name.startswith("_set_") or (name in ("_commit_gen", "_rollback_gen") and status == TransactionStatus.IDLE)


def _raise(connection: "Connection[Any]", code: str) -> Any:
    return _execute(connection, f"DO $$ BEGIN RAISE 'injected' USING ERRCODE = '{code}'; END $$")


def _name(exchange: Exchange) -> str:
    return str(getattr(exchange, "__name__", ""))


def _execute(connection: "Connection[Any]", statement: str) -> Any:
    return _wait(connection, psycopg.Cursor(connection)._execute_gen(statement))


def _tell(connection: "Connection[Any]", exchange: Exchange) -> _Rest | _Done:
    """Drive an exchange until nothing is left but to hear the answer."""
    try:
        state = next(exchange)
        while state is not Wait.R and state != Wait.R:
            select.select([], [connection.fileno()], [])
            state = exchange.send(Ready.W)
    except StopIteration as over:
        return _Done(over.value)
    return _Rest(exchange, Wait.R)


def _finish(connection: "Connection[Any]", rest: _Rest | _Done) -> Any:
    if isinstance(rest, _Done):
        return rest.value
    try:
        while True:
            select.select([connection.fileno()], [], [])
            rest.exchange.send(Ready.R)
    except StopIteration as over:
        return over.value


# Disk full, a lock not granted in time, a deadlock, a serialization failure.
CODES = ("53100", "55P03", "40P01", "40001")


@dataclass(frozen=True)
class Kind:
    """A kind of fault, its first step, and the number of steps to the next one."""

    fault: Callable[[int], Fault]
    first: int
    each: int


# What is killed before a step leaves what all steps before it left; what is killed unanswered, that step's as well. So
# each other step will do for both together, and likewise for the two ways to lose a connection.
KINDS: Mapping[str, Kind] = {
    "killed before": Kind(lambda _at: kill_before, 1, 2),
    "killed unanswered": Kind(lambda _at: kill_unanswered, 1, 2),
    "terminated": Kind(lambda at: terminate_amid(at) if at % 4 else terminate, 2, 2),
    "cut off unanswered": Kind(lambda _at: cut_unanswered, 1, 2),
    "refused": Kind(lambda at: refuse(CODES[(at + at // 4) % len(CODES)]), 1, 1),
}
