"""Messages as events of an EventBridge bus."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chandlery.outbox.domain.message import Failure, Message
from chandlery.outbox.publish.calls import publish_in_calls
from chandlery.outbox.publish.client import aws_client

SOURCE = "chandlery"
# What the bus says of the event itself; whatever else keeps it from taking one may pass.
_FINAL = ("InvalidArgument", "MalformedDetail")


@dataclass(frozen=True)
class EventBus:
    """A bus, by its name or ARN. The topic is an event's detail-type; the body, with the key in it, its detail.

    A bus knows no order, so that a group's events go together.
    """

    name: str

    def publish(self, messages: Sequence[Message]) -> Sequence[Failure]:
        """Put events, ten a call at most; returns those that the bus did not take."""
        entries = [self._entry(each) for each in messages]
        places = [str(place) for place in range(len(entries))]
        sizes = [_size(each) for each in entries]
        return publish_in_calls(self.name, sizes, places, lambda some: self._put(entries, some))

    def _put(self, entries: Sequence[Mapping[str, str]], places: Sequence[int]) -> Iterator[Failure]:
        answered = self._client.put_events(Entries=[entries[place] for place in places])
        for place, entry in zip(places, answered["Entries"], strict=True):
            if code := entry.get("ErrorCode"):
                reason = f"{self.name}: {code}: {entry.get('ErrorMessage', '')}"
                yield Failure(place, reason, is_final=code in _FINAL)

    @cached_property
    def _client(self) -> Any:
        return aws_client("events")

    def _entry(self, message: Message) -> Mapping[str, str]:
        return {
            "EventBusName": self.name,
            "Source": SOURCE,
            "DetailType": message.topic,
            "Detail": message.as_text(),
        }


def _size(entry: Mapping[str, str]) -> int:
    """As EventBridge counts it."""
    return sum(len(text.encode()) for text in (entry["Source"], entry["DetailType"], entry["Detail"]))
