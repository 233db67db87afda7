"""Events and messages on their way: ten a call, in parts, each with its key; what was not taken is named."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chandlery.outbox.domain.message import Failure, Message
from chandlery.outbox.publish import event_bus, topic
from chandlery.outbox.publish.event_bus import EventBus
from chandlery.outbox.publish.topic import Topic
from tests.event_bus import Queue, an_aws, create_bus

ARN = "arn:aws:sns:us-east-1:123456789012:alerts"
AWAY = EndpointConnectionError(endpoint_url="https://events.us-east-1.amazonaws.com")
Scripted = Callable[..., list[Sequence[Mapping[str, Any]]]]


def message(number: int, group: str = "g", **body: Any) -> Message:
    return Message("signals", f"signal:{number}:raised", group, {"number": number, **body})


def messages(count: int, **body: Any) -> list[Message]:
    return [message(number, **body) for number in range(count)]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with an_aws(monkeypatch.setenv):
        yield


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """A client with the answers given; returns the list of what each call was asked."""

    def install(*answers: Any) -> list[Sequence[Mapping[str, Any]]]:
        waiting, asked = list(answers), []

        def answer(**given: Any) -> Any:
            entries = given.get("Entries") or given["PublishBatchRequestEntries"]
            asked.append(entries)
            said = waiting.pop(0) if waiting else {}
            if isinstance(said, Exception):
                raise said
            return {"Entries": said.get("Entries", [{"EventId": "1"}] * len(entries)), "Failed": said.get("Failed", [])}

        client = type("Client", (), {"put_events": staticmethod(answer), "publish_batch": staticmethod(answer)})
        for module in (event_bus, topic):
            monkeypatch.setattr(module, "aws_client", lambda _service: client)
        return asked

    return install


@pytest.mark.usefixtures("aws")
def test_events_reach_a_rule_of_the_bus_with_their_keys() -> None:
    queue = create_bus("desk", **{"detail-type": ["signals"], "detail": {"number": [{"numeric": [">=", 2]}]}})
    assert EventBus("desk").publish(messages(25)) == []
    told = queue.received()
    assert sorted(each["detail"]["number"] for each in told) == list(range(2, 25))
    assert {each["detail"]["key"] for each in told} == {f"signal:{number}:raised" for number in range(2, 25)}
    (failure,) = EventBus("another").publish(messages(1))
    assert "does not exist" in failure.reason
    assert not failure.is_final


@pytest.mark.usefixtures("aws")
def test_messages_reach_who_subscribes_a_topic_with_their_keys() -> None:
    queue = Queue("events")
    sns: Any = boto3.client("sns")
    name = sns.create_topic(Name="alerts")["TopicArn"]
    sns.subscribe(TopicArn=name, Protocol="sqs", Endpoint=queue.arn)
    assert Topic(name).publish(messages(12)) == []
    told = queue.received()
    assert sorted(json.loads(each["Message"])["number"] for each in told) == list(range(12))
    for each in told:
        assert each["MessageAttributes"]["key"]["Value"] == json.loads(each["Message"])["key"]


@pytest.mark.usefixtures("aws")
def test_a_fifo_topic_gets_a_message_once_however_often_it_is_published() -> None:
    queue = Queue("events.fifo")
    sns: Any = boto3.client("sns")
    name = sns.create_topic(Name="alerts.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    attributes = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=name, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes)
    for _ in range(2):
        assert Topic(name).publish(messages(3)) == []
    assert [each["number"] for each in queue.received()] == [0, 1, 2]


def test_what_a_bus_does_not_take_is_named_and_what_never_will_be_is_known(scripted: Scripted) -> None:
    passing = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
    final = {"ErrorCode": "MalformedDetail", "ErrorMessage": "no JSON"}
    asked = scripted({"Entries": [{"EventId": "1"}, passing, final]})
    assert EventBus("desk").publish(messages(3)) == [
        Failure(1, "desk: ThrottlingException: slow down"),
        Failure(2, "desk: MalformedDetail: no JSON", is_final=True),
    ]
    (entries,) = asked
    assert {(each["EventBusName"], each["Source"], each["DetailType"]) for each in entries} == {
        ("desk", "chandlery", "signals")
    }


@pytest.mark.parametrize("target", [EventBus("desk"), Topic(ARN)])
def test_nothing_is_tried_after_a_call_that_failed_as_a_whole(target: EventBus | Topic, scripted: Scripted) -> None:
    asked = scripted({}, AWAY, {})
    failures = target.publish(messages(30))
    assert [each.place for each in failures] == list(range(10, 30))
    assert not any(each.is_final for each in failures)
    assert "Could not connect" in failures[0].reason
    assert len(asked) == 2


@pytest.mark.parametrize("target", [EventBus("desk"), Topic(ARN)])
def test_one_that_no_call_can_have_keeps_none_of_the_others(target: EventBus | Topic, scripted: Scripted) -> None:
    wrong = ClientError({"Error": {"Code": "InvalidParameter", "Message": "no such character"}}, "PublishBatch")
    asked = scripted(wrong, {}, wrong)
    (failure,) = target.publish(messages(13))
    assert (failure.place, failure.is_final) == (1, False)
    assert "no such character" in failure.reason
    assert [len(entries) for entries in asked] == [10, *[1] * 10, 3]


@pytest.mark.parametrize("target", [EventBus("desk"), Topic(ARN)])
def test_a_call_is_no_larger_than_the_service_takes(target: EventBus | Topic, scripted: Scripted) -> None:
    asked = scripted()
    sent = [*messages(3, text="é" * 60_000), message(3, text="x" * 262_144)]
    (failure,) = target.publish(sent)
    assert failure.place == 3
    assert failure.is_final
    assert "262,144 are the most" in failure.reason
    assert [len(entries) for entries in asked] == [2, 1]


def test_on_a_fifo_topic_nothing_overtakes_one_of_its_group(scripted: Scripted) -> None:
    asked = scripted({"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]})
    sent = [message(0, "one"), message(1, "two"), message(2, "one"), message(3, "two")]
    failures = Topic(f"{ARN}.fifo").publish(sent)
    assert [(each.place, each.is_final) for each in failures] == [(0, False), (2, False)]
    assert [[each["Id"] for each in entries] for entries in asked] == [["0", "1"], ["3"]]
    assert {(each["MessageGroupId"], each["MessageDeduplicationId"]) for entries in asked for each in entries} == {
        ("one", "signal:0:raised"),
        ("two", "signal:1:raised"),
        ("two", "signal:3:raised"),
    }


def test_an_id_that_sns_does_not_take_becomes_a_digest(scripted: Scripted) -> None:
    asked = scripted()
    long, blank = Message("alerts", "k" * 129, "NSE@A B@EQ", {}), Message("alerts", "k", "é", {})
    Topic(f"{ARN}.fifo").publish([long, blank])
    for entry in asked[0]:
        assert {len(entry["MessageGroupId"]), len(entry["MessageDeduplicationId"])} <= {1, 64}
