"""Runs that are held open: before a step of theirs, or by a lock that another session holds."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from tests.faults.steps import EVERY, Exchange, go_on, is_commit_of_writes
from tests.faults.trial import Child, Work, in_child
from tests.waiting import wait_until

_BLOCKED = """
SELECT coalesce(array_agg(pid), '{}') FROM pg_stat_activity
WHERE datname = current_database() AND pid <> ALL (%s::integer[]) AND pg_blocking_pids(pid) && %s::integer[]
"""


@dataclass(frozen=True)
class Step:
    """Before the n-th step of a run."""

    number: int

    def __str__(self) -> str:
        return f"step {self.number}"


@dataclass(frozen=True)
class Gate:
    """Where a run comes to what another session has locked, as a reader or a writer who is at work would."""

    name: str
    lock: Callable[[Connection], object]

    def __str__(self) -> str:
        return f"a lock on {self.name}"


Stop = Step | Gate


@dataclass
class _Hold:
    """Stops a run before a step until it is released: a fault."""

    _held: tuple[int, int] = field(default_factory=os.pipe)
    _released: tuple[int, int] = field(default_factory=os.pipe)

    def __call__(self, connection: "Connection[Any]", exchange: Exchange) -> Any:
        os.write(self._held[1], f"{connection.info.backend_pid}\n".encode())
        os.read(self._released[0], 1)
        return go_on(connection, exchange)

    def wait(self) -> int:
        """Wait till it has stopped; its session's process on the server."""
        os.close(self._held[1])
        with os.fdopen(self._held[0]) as held:
            told = held.readline()
        assert told, "the run ended before the step at which it should be held"
        return int(told)

    def release(self) -> None:
        os.write(self._released[1], b".")


def writing_commits(work: Work) -> Sequence[int]:
    """The steps of a run at which a transaction that has written ends."""
    read, write = os.pipe()
    steps = count(1)

    def note(connection: "Connection[Any]", exchange: Exchange) -> Any:
        step = next(steps)
        if is_commit_of_writes(connection, exchange):
            os.write(write, f"{step}\n".encode())
        return go_on(connection, exchange)

    ended = in_child(work, EVERY, note)
    assert (ended.how, ended.said) == ("succeeded", "")
    os.close(write)
    with os.fdopen(read) as told:
        return [int(line) for line in told]


@contextmanager
def held_open(work: Work, stop: Stop, observer: Connection, url: str) -> Iterator[tuple[Child, Sequence[int]]]:
    """A run held at a stop; and the processes on the server that others wait for when they wait for it."""
    if isinstance(stop, Step):
        hold = _Hold()
        child = Child(work, stop.number, hold)
        try:
            yield child, [hold.wait()]
        finally:
            hold.release()
        return
    with connect(Settings(database_url=url), "gate") as gate, gate.transaction():
        stop.lock(gate)
        child = Child(work)
        own = gate.info.backend_pid
        wait_until(lambda: child.has_ended() or blocked(observer, [own]), f"it comes to {stop}")
        assert not child.has_ended(), f"the run ended before it came to {stop}: {child.wait()}"
        yield child, [own, *blocked(observer, [own])]


def blocked(observer: Connection, by: Sequence[int]) -> Sequence[int]:
    """The other sessions that wait for one of these."""
    (found,) = observer.execute(_BLOCKED, [list(by), list(by)]).fetchone() or ([],)
    return list(found)
