"""Deliver what waits in the outbox: at least once, each group in its order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.outbox.domain.message import Failure, Publish
from chandlery.outbox.store import messages
from chandlery.outbox.store.messages import WaitingMessage
from chandlery.platform.connection import transaction

# Held while they are delivered: few, so that what a death leaves to be delivered twice is little.
_PIECE = 100


@dataclass(frozen=True)
class Delivered:
    """What became of the messages of a topic; `left` counts those that still wait, held by another among them.

    `reasons` says why some were not taken, each reason once.
    """

    sent: int
    failed: int
    left: int
    reasons: Sequence[str] = ()


def deliver_messages(
    connection: Connection,
    topic: str,
    publish: Publish,
    *,
    at: datetime,
    limit: int = 1_000,
    has_time: Callable[[], bool] = lambda: True,
) -> Delivered:
    """Deliver messages that wait, in pieces of a transaction each, which takes what was delivered.

    A death after the delivery and before the commit delivers once more, with the same key. Where nothing of a piece was
    taken, the rest is left to the next run.

    Args:
        connection: in autocommit mode; not of a dry run, which has nothing to deliver.
        topic: whose messages.
        publish: delivers a piece.
        at: the run's scheduled time.
        limit: messages to try, at most.
        has_time: asked before each piece whether another one fits.

    Raises:
        Retryable, Permanent: from the database; what was delivered before is recorded.
    """
    sent = failed = after = 0
    reasons: dict[str, None] = {}
    while sent + failed < limit and has_time():
        with transaction(connection):
            held = messages.hold_messages(connection, topic, after=after, most=min(_PIECE, limit - sent - failed))
            if not held:
                break
            failures = _by_place(publish([each.message for each in held]))
            messages.record_tries(connection, held, failures, at)
        after = held[-1].id
        reasons |= dict.fromkeys(each.reason for each in failures.values())
        sent, failed = sent + len(held) - len(failures), failed + len(failures)
        if not _is_taking(held, failures):
            break
    return Delivered(sent, failed, _count_left(connection, topic), tuple(reasons))


def _by_place(failures: Sequence[Failure]) -> Mapping[int, Failure]:
    return {each.place: each for each in failures}


def _is_taking(held: Sequence[WaitingMessage], failures: Mapping[int, Failure]) -> bool:
    """Whether anything was taken, or refused with a reason of its own: then it is worth to go on."""
    return any(place not in failures or failures[place].is_final for place in range(len(held)))


def _count_left(connection: Connection, topic: str) -> int:
    return sum(each.messages for each in messages.count_waiting(connection) if each.topic == topic)
