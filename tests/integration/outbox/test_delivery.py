"""The outbox delivers each message at least once, and in the order of its group."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import Connection

from chandlery.outbox.deliver_messages import Delivered, deliver_messages
from chandlery.outbox.domain.message import Failure, Message
from chandlery.outbox.store import messages
from chandlery.platform.connection import connect, transaction
from chandlery.platform.settings import Settings

AT = datetime(2026, 3, 2, 12, 1, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)


class Bus:
    """Takes what it is given but for some, and remembers what came."""

    def __init__(self, *failures: Failure, then: Callable[[], object] = lambda: None) -> None:
        self.keys: list[str] = []
        self.failures, self.then = failures, then

    def __call__(self, given: Sequence[Message]) -> Sequence[Failure]:
        failed = {each.place for each in self.failures}
        self.keys += [each.key for place, each in enumerate(given) if place not in failed]
        self.then()
        return self.failures


def message(key: object, group: str = "g", topic: str = "signals") -> Message:
    return Message(topic, str(key), group, {"number": 1.5, "text": "é"})


def write(connection: Connection, *written: Message, at: datetime = AT) -> int:
    with transaction(connection):
        return messages.write_messages(connection, written, at)


@pytest.fixture
def another(server_url: str, database_url: str) -> Iterator[Connection]:
    """Another connection to the same database, of a real server."""
    with connect(Settings(database_url=database_url), "test") as opened:
        yield opened


def test_messages_are_delivered_once_in_their_order_and_known_by_their_keys(connection: Connection) -> None:
    assert write(connection, *map(message, range(250))) == 250
    assert write(connection, message(7), message(250), message(3, topic="alerts")) == 2
    bus = Bus()
    assert deliver_messages(connection, "signals", bus, at=AT) == Delivered(251, 0, 0)
    assert bus.keys == [str(number) for number in range(251)]
    assert deliver_messages(connection, "signals", bus, at=LATER) == Delivered(0, 0, 0)
    assert len(bus.keys) == 251
    assert [each.key for each in messages.list_waiting(connection, None, 10)] == ["3"]


def test_what_was_not_taken_comes_again_and_holds_its_group_back(connection: Connection) -> None:
    write(connection, *(message(number, "ab"[number % 2]) for number in range(150)))
    bus = Bus(Failure(0, "slow down"))
    delivered = deliver_messages(connection, "signals", bus, at=AT, limit=100)
    assert delivered == Delivered(99, 1, 51, ("slow down",))
    (waiting, *_) = messages.list_waiting(connection, "signals", 10)
    assert (waiting.key, waiting.tries, waiting.failed_because) == ("0", 1, "slow down")
    # Behind the one that fails again, nothing of its group goes; the other group does.
    again = Bus(Failure(0, "slow down"))
    deliver_messages(connection, "signals", again, at=LATER, limit=1)
    assert again.keys == []
    last = Bus()
    assert deliver_messages(connection, "signals", last, at=LATER) == Delivered(51, 0, 0)
    assert last.keys == ["0", *map(str, range(100, 150))]


def test_what_is_refused_for_good_holds_nothing_up_until_it_is_tried_again(connection: Connection) -> None:
    write(connection, *map(message, range(3)))
    bus = Bus(Failure(1, "too large", is_final=True))
    assert deliver_messages(connection, "signals", bus, at=AT) == Delivered(2, 1, 1, ("too large",))
    assert deliver_messages(connection, "signals", bus, at=LATER) == Delivered(0, 0, 1)
    (waiting,) = messages.count_waiting(connection)
    assert (waiting.messages, waiting.refused, waiting.oldest_at) == (1, 1, None)
    assert messages.retry(connection, "alerts", None) == 0
    assert messages.retry(connection, None, None) == 1
    taking = Bus()
    assert deliver_messages(connection, "signals", taking, at=LATER) == Delivered(1, 0, 0)
    assert taking.keys == ["1"]


def test_a_bus_that_is_away_is_asked_once_a_run(connection: Connection) -> None:
    write(connection, *map(message, range(300)))
    asked: list[int] = []

    def away(given: Sequence[Message]) -> Sequence[Failure]:
        asked.append(len(given))
        return [Failure(place, "away") for place in range(len(given))]

    assert deliver_messages(connection, "signals", away, at=AT) == Delivered(0, 100, 300, ("away",))
    assert asked == [100]


def test_a_death_after_the_delivery_delivers_again_with_the_same_key(connection: Connection) -> None:
    write(connection, *map(message, range(2)))

    def die() -> None:
        raise KeyboardInterrupt

    bus = Bus(then=die)
    with pytest.raises(KeyboardInterrupt):
        deliver_messages(connection, "signals", bus, at=AT)
    bus.then = lambda: None
    deliver_messages(connection, "signals", bus, at=LATER)
    assert bus.keys == ["0", "1", "0", "1"]
    tries = connection.execute("SELECT tries, sent_at FROM market.outbox ORDER BY id").fetchall()
    assert tries == [(1, LATER), (1, LATER)]


def test_a_message_goes_with_the_transaction_it_was_written_in(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        assert messages.write_messages(connection, [message(1)], AT) == 1
    assert messages.list_waiting(connection, None, 10) == []


def test_two_that_deliver_at_once_deliver_each_message_once(connection: Connection, another: Connection) -> None:
    write(connection, *(message(number, str(number)) for number in range(250)))
    second = Bus()
    first = Bus(then=lambda: deliver_messages(another, "signals", second, at=AT))
    deliver_messages(connection, "signals", first, at=AT)
    assert first.keys == [str(number) for number in range(100)]
    assert second.keys == [str(number) for number in range(100, 250)]
    assert messages.count_waiting(connection) == []


def test_nothing_overtakes_a_message_that_another_is_delivering(connection: Connection, another: Connection) -> None:
    write(connection, *(message(number, "ab"[number > 120]) for number in range(150)))
    second = Bus()
    first = Bus(then=lambda: second.keys or deliver_messages(another, "signals", second, at=AT))
    deliver_messages(connection, "signals", first, at=AT)
    assert second.keys == [str(number) for number in range(121, 150)]
    assert first.keys == [str(number) for number in range(121)]


def test_what_was_delivered_is_removed_in_time_and_what_nobody_delivers_by_its_age(connection: Connection) -> None:
    write(connection, message(1), message(2, topic="changes"))
    deliver_messages(connection, "signals", Bus(), at=AT)
    write(connection, message(3), message(4, topic="changes"), at=LATER)
    assert messages.remove_old(connection, AT, ["changes"]) == 0
    assert messages.remove_old(connection, LATER, ["changes"]) == 2
    assert [each.key for each in messages.list_waiting(connection, None, 10)] == ["3", "4"]
