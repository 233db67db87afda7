"""Where messages go in scenes of faults: a bus and a topic that keep what any process sent."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from psycopg import Connection

from chandlery.outbox.domain.message import Failure, Message
from chandlery.outbox.publish.event_bus import EventBus
from chandlery.outbox.publish.topic import Topic


class Published:
    """What was published, in its order: of this process and of all that are forked of it."""

    def __init__(self) -> None:
        # Gone with the last process that has it, and written to by each at the end that all share.
        self._file = os.memfd_create("published")
        self._sent_before: frozenset[tuple[str, str]] = frozenset()

    def take_over(self, patch: pytest.MonkeyPatch) -> None:
        """Take the place of the bus and of the topic."""
        for each in (EventBus, Topic):
            patch.setattr(each, "publish", lambda _, messages: self._publish(messages))

    def forget(self, connection: Connection) -> None:
        """Forget what was published; what counts as sent in the database was published before."""
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self._sent_before = frozenset(name for name, (_, sent_at) in _outbox(connection).items() if sent_at)

    @property
    def bodies(self) -> Sequence[Mapping[str, Any]]:
        """What each message says, its key and topic with it."""
        written = os.pread(self._file, os.fstat(self._file).st_size, 0)
        return [json.loads(line) for line in written.splitlines()]

    def wrong(self, connection: Connection) -> Iterator[str]:
        """What must never happen, whatever died: a message counts as sent and was not, or says something else."""
        outbox = _outbox(connection)
        for each in self.bodies:
            body, _ = outbox.get((each["topic"], each["key"]), (None, None))
            # A body may hold its key as well.
            if {**(body or {}), "key": each["key"]} != {name: value for name, value in each.items() if name != "topic"}:
                yield f"published {each}, and the outbox has {body}"
        came = {(each["topic"], each["key"]) for each in self.bodies}
        lost = {name for name, (_, sent_at) in outbox.items() if sent_at} - came - self._sent_before
        yield from (f"sent, and never published: {name}" for name in sorted(lost))

    def _publish(self, messages: Sequence[Message]) -> Sequence[Failure]:
        lines = [json.dumps({**json.loads(each.as_text()), "topic": each.topic}) for each in messages]
        os.write(self._file, "".join(f"{line}\n" for line in lines).encode())
        return []


def _outbox(connection: Connection) -> Mapping[tuple[str, str], tuple[Mapping[str, Any], object]]:
    rows = connection.execute("SELECT topic, key, body, sent_at FROM market.outbox").fetchall()
    return {(topic, key): (body, sent_at) for topic, key, body, sent_at in rows}


# One for all scenes: runs are forked of the process of the test.
PUBLISHED = Published()
