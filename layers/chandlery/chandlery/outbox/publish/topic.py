"""Messages of an SNS topic."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chandlery.outbox.domain.message import Failure, Message
from chandlery.outbox.publish.calls import publish_in_calls
from chandlery.outbox.publish.client import aws_client

_LONGEST_ID = 128


@dataclass(frozen=True)
class Topic:
    """A topic, by its ARN. The key is in the message, in an attribute, and on a FIFO topic its deduplication id."""

    arn: str

    @property
    def is_fifo(self) -> bool:
        """Whether it keeps the order of each group."""
        return self.arn.endswith(".fifo")

    def publish(self, messages: Sequence[Message]) -> Sequence[Failure]:
        """Publish messages, ten a call at most; returns those that the topic did not take."""
        entries = [self._entry(place, each) for place, each in enumerate(messages)]
        groups = [each.group_key if self.is_fifo else str(place) for place, each in enumerate(messages)]
        sizes = [_size(each) for each in messages]
        return publish_in_calls(self.arn, sizes, groups, lambda some: self._publish([entries[place] for place in some]))

    def _publish(self, entries: Sequence[Mapping[str, Any]]) -> Iterable[Failure]:
        answered = self._client.publish_batch(TopicArn=self.arn, PublishBatchRequestEntries=entries)
        for each in answered.get("Failed", ()):
            reason = f"{self.arn}: {each['Code']}: {each.get('Message', '')}"
            yield Failure(int(each["Id"]), reason, is_final=each["SenderFault"])

    @cached_property
    def _client(self) -> Any:
        return aws_client("sns")

    def _entry(self, place: int, message: Message) -> Mapping[str, Any]:
        entry: dict[str, Any] = {
            "Id": str(place),
            "Message": message.as_text(),
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in _attributes(message).items()
            },
        }
        if self.is_fifo:
            entry["MessageDeduplicationId"] = _as_id(message.key)
            entry["MessageGroupId"] = _as_id(message.group_key)
        return entry


def _attributes(message: Message) -> Mapping[str, str]:
    return {"key": message.key, "topic": message.topic}


def _size(message: Message) -> int:
    """As SNS counts it: attributes with their names and types."""
    attributes = (name + "String" + value for name, value in _attributes(message).items())
    return sum(len(text.encode()) for text in (message.as_text(), *attributes))


def _as_id(text: str) -> str:
    """A text as an id of SNS, which has 128 characters of ASCII at most, and no blank: else the digest of it."""
    fits = len(text) <= _LONGEST_ID and text.isascii() and text.isprintable() and " " not in text
    return text if fits else hashlib.sha256(text.encode()).hexdigest()
