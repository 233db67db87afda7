"""An EventBridge bus on this machine, and a queue that a rule of it fills."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import boto3
from moto import mock_aws
from moto.events.utils import EventTemplateParser

_ACCOUNT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def an_aws(setenv: Callable[[str, str], None]) -> Iterator[None]:
    """Within, AWS is on this machine, and has nothing in it."""
    for name, value in _ACCOUNT.items():
        setenv(name, value)
    # Moto transforms what goes to a target by a package that it does not bring; nothing here is transformed.
    plain = staticmethod(lambda **given: given["event"])
    with mock_aws(), mock.patch.object(EventTemplateParser, "parse", plain):
        yield


class Queue:
    """A queue, a FIFO one by its name, and what came into it."""

    def __init__(self, name: str) -> None:
        self._sqs: Any = boto3.client("sqs")
        is_fifo = name.endswith(".fifo")
        made = self._sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if is_fifo else {})
        self._url = made["QueueUrl"]
        told = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        self.arn = told["Attributes"]["QueueArn"]

    def received(self) -> Sequence[dict[str, Any]]:
        """What came since the last time."""
        found: list[dict[str, Any]] = []
        while some := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(each["Body"]) for each in some]
        return found


def create_bus(name: str, **pattern: Any) -> Queue:
    """A bus, and the queue of what fits the pattern."""
    events: Any = boto3.client("events")
    queue = Queue(f"{name}-events")
    events.create_event_bus(Name=name)
    events.put_rule(Name="events", EventBusName=name, EventPattern=json.dumps({"source": ["chandlery"], **pattern}))
    events.put_targets(Rule="events", EventBusName=name, Targets=[{"Id": "queue", "Arn": queue.arn}])
    return queue
