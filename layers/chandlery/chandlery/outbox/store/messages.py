"""Messages that wait to be delivered, and those that were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from chandlery.outbox.domain.message import Failure, Message
from chandlery.platform.statements import read_rows, run


@dataclass(frozen=True)
class Waiting:
    """What of a topic waits: how many messages, how many of them were refused for good, since when the others wait."""

    topic: str
    messages: int
    refused: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class WaitingMessage:
    """A message that was not delivered yet."""

    id: int
    topic: str
    key: str
    group_key: str
    body: Mapping[str, Any]
    created_at: datetime
    refused_at: datetime | None
    tries: int
    failed_because: str | None

    @property
    def message(self) -> Message:
        """What is delivered of it."""
        return Message(self.topic, self.key, self.group_key, self.body)


def write_messages(connection: Connection, messages: Sequence[Message], created_at: datetime) -> int:
    """Write messages in the caller's transaction; one whose key is known already is not written again.

    Args:
        connection: inside the transaction of what the messages tell of.
        messages: in the order in which they are to be delivered.
        created_at: the run's scheduled time.

    Returns:
        How many were not known.
    """
    if not messages:
        return 0
    return run(
        connection,
        "write_messages",
        topics=[each.topic for each in messages],
        keys=[each.key for each in messages],
        group_keys=[each.group_key for each in messages],
        bodies=[Jsonb(each.body) for each in messages],
        created_at=created_at,
    ).rowcount


def hold_messages(connection: Connection, topic: str, *, after: int, most: int) -> Sequence[WaitingMessage]:
    """Messages to be delivered now, held until the transaction ends; those that another delivers are left to it."""
    return read_rows(connection, WaitingMessage, "hold_messages", topic=topic, after=after, most=most)


def record_tries(
    connection: Connection, tried: Sequence[WaitingMessage], failures: Mapping[int, Failure], at: datetime
) -> None:
    """Record what became of messages that are held; failures by the places in `tried`."""
    failed = [failures.get(place) for place in range(len(tried))]
    run(
        connection,
        "record_tries",
        ids=[each.id for each in tried],
        reasons=[each.reason if each else None for each in failed],
        are_final=[bool(each and each.is_final) for each in failed],
        at=at,
    )


def count_waiting(connection: Connection) -> Sequence[Waiting]:
    """What waits, by topic; topics of which nothing does are left out."""
    return read_rows(connection, Waiting, "count_waiting_messages")


def list_waiting(connection: Connection, topic: str | None, most: int) -> Sequence[WaitingMessage]:
    """Messages that wait, of one topic or of all, the oldest first."""
    return read_rows(connection, WaitingMessage, "list_waiting_messages", topic=topic, most=most)


def retry(connection: Connection, topic: str | None, ids: Sequence[int] | None) -> int:
    """Let messages that were refused for good be tried again, of a topic or of all; returns how many."""
    return run(connection, "retry_messages", topic=topic, ids=None if ids is None else list(ids)).rowcount


def remove(connection: Connection, ids: Sequence[int]) -> int:
    """Remove messages that were not delivered, and never will be; returns how many."""
    return run(connection, "remove_messages", ids=list(ids)).rowcount


def remove_old(connection: Connection, before: datetime, undelivered: Sequence[str]) -> int:
    """Remove messages that were delivered before a moment, and those of topics that nobody delivers by their age."""
    return run(connection, "remove_old_messages", before=before, undelivered=list(undelivered)).rowcount
