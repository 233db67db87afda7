"""Records on their way to a queue, a stream, or an HTTP API: many in a call, of which some may fail alone."""

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from chandlery.platform import queues
from chandlery.platform.errors import Permanent, Retryable

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

_ARN = re.compile(r"arn:aws[a-z-]*:(sqs|kinesis):([a-z0-9-]+):([0-9]{12}):(?:stream/)?([A-Za-z0-9_.-]+)")
_QUEUE_PATH = re.compile(r"/[0-9]{12}/[A-Za-z0-9_-]+(\.fifo)?")
_SECONDS = 60
# What another attempt may mend: too much at once, or a server's own fault.
_TOO_MANY, _SERVER_FAULT = 429, 500
_LONGEST_WAIT_SECONDS = 10.0


@dataclass
class Outcome:
    """What became of records: how many were sent, and how many of them once more; those refused, with the reason.

    `counts` are what an HTTP API answered, added up.
    """

    sent: int = 0
    retried: int = 0
    refused: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Target(Protocol):
    """Where records go."""

    at_once: int

    def send(self, bodies: Sequence[str], outcome: Outcome) -> None:
        """Send records, and say what became of them.

        Raises:
            Retryable: they cannot be taken now; the same may be sent again.
            Permanent: nothing is taken there, or not from this caller.
        """
        ...


def find_target(to: str, path: str, partition: str, token: str | None = None) -> Target:
    """Where records go that are sent to a queue's URL or ARN, a stream's ARN, or the URL of an HTTP API.

    Args:
        to: which.
        path: of an API whose URL has none, where rows are posted.
        partition: what tells the shard of a stream.
        token: a bearer's, for an API.

    Raises:
        Permanent: it is none of them, or names a queue that cannot be found.
    """
    if found := _ARN.fullmatch(to):
        service, region, account, name = found.groups()
        if service == "kinesis":
            return _Stream(_client("kinesis", region), to, partition)
        return _find_queue(to, _client("sqs", region), name, account)
    parts = urlsplit(to)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Permanent(f"{to} is neither a queue's URL or ARN, nor a stream's ARN, nor the URL of an HTTP API")
    if _QUEUE_PATH.fullmatch(parts.path):
        return _Queue(queues.queue_client(to), to)
    return _Api(to if parts.path.strip("/") else to.rstrip("/") + path, token)


def _client(service: str, region: str) -> Any:
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.client(service, region_name=region)  # type: ignore[call-overload]  # one of two
    except BotoCoreError as error:
        raise Permanent(f"AWS cannot be asked: {error}") from None


def _find_queue(arn: str, client: Any, name: str, account: str) -> Target:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return _Queue(client, client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])
    except (BotoCoreError, ClientError) as error:
        raise Permanent(f"{arn} cannot be found: {error}") from None


@dataclass
class _Queue:
    client: Any
    url: str
    at_once: int = 10

    def send(self, bodies: Sequence[str], outcome: Outcome) -> None:
        sent = queues.send(self.client, self.url, bodies)
        outcome.sent += len(bodies) - len(sent.refused)
        outcome.retried += sent.retried
        outcome.refused += sent.refused.values()


@dataclass
class _Stream:
    client: "KinesisClient"
    arn: str
    partition: str
    at_once: int = 100

    def send(self, bodies: Sequence[str], outcome: Outcome) -> None:
        waiting: list[PutRecordsRequestEntryTypeDef] = [
            {"Data": body.encode(), "PartitionKey": self.partition} for body in bodies
        ]
        for attempt in range(queues.ATTEMPTS):
            failed = self._put(waiting)
            outcome.sent += len(waiting) - len(failed)
            if not failed:
                return
            if attempt + 1 < queues.ATTEMPTS:
                outcome.retried += len(failed)
                time.sleep(queues.WAIT_SECONDS * 2**attempt)
            waiting = failed
        raise Retryable(f"{self.arn} does not take {len(waiting):,} records now; send the file again: twice is once")

    def _put(self, waiting: Sequence["PutRecordsRequestEntryTypeDef"]) -> list["PutRecordsRequestEntryTypeDef"]:
        """Put records into the stream once; returns those that it did not take now."""
        from botocore import exceptions

        try:
            answered = self.client.put_records(StreamARN=self.arn, Records=waiting)["Records"]
        except (exceptions.ConnectionError, exceptions.HTTPClientError):
            return [*waiting]
        except exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_FAULT or _is_throttled(error):
                return [*waiting]
            raise Permanent(f"{self.arn} takes no records: {error}") from None
        except exceptions.BotoCoreError as error:
            raise Permanent(f"{self.arn} takes no records: {error}") from None
        return [entry for entry, each in zip(waiting, answered, strict=True) if each.get("ErrorCode")]


def _is_throttled(error: Any) -> bool:
    return bool(re.search("Throttl|Throughput|LimitExceeded", error.response["Error"]["Code"]))


@dataclass
class _Api:
    url: str
    token: str | None
    at_once: int = 1

    def send(self, bodies: Sequence[str], outcome: Outcome) -> None:
        for body in bodies:
            status, answered = self._post(body.encode(), outcome)
            if status == 202 and "accepted" in answered:
                outcome.sent += 1
            elif status not in (400, 422):
                said = answered.get("detail", "not as an API that takes records does")
                raise Permanent(f"{self.url} answers {status}: {said}")
            outcome.counts.update({name: count for name, count in answered.items() if type(count) is int})
            outcome.refused += _list_refused(body, answered)

    def _post(self, body: bytes, outcome: Outcome) -> tuple[int, Mapping[str, Any]]:
        """Post a record, again where that may help; returns the status and what was answered."""
        headers = {"Content-Type": "application/x-ndjson"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url, body, headers)  # noqa: S310  # http or https, as was seen
        for attempt in range(queues.ATTEMPTS):
            wait = queues.WAIT_SECONDS * 2**attempt
            try:
                with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                    return answer.status, _read_answer(answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != _TOO_MANY and error.code < _SERVER_FAULT:
                        return error.code, _read_answer(error.read())
                    said, wait = f"answers {error.code}", max(wait, _asked_wait(error.headers["Retry-After"]))
            except (OSError, http.client.HTTPException) as error:
                said = str(error) or type(error).__name__
            if attempt + 1 < queues.ATTEMPTS:
                outcome.retried += 1
                time.sleep(wait)
        raise Retryable(f"{self.url} takes no records now: {said}; send the file again: twice is once")


def _list_refused(body: str, answered: Mapping[str, Any]) -> Sequence[str]:
    batch_id = json.loads(body.partition("\n")[0])["batch_id"]
    if "accepted" not in answered and not answered["errors"]:
        return [f"{batch_id}: {answered.get('detail', 'without a word')}"]
    return [f"{batch_id}, line {each['line']}: {each['detail']}" for each in answered["errors"]]


def _asked_wait(said: str | None) -> float:
    """The seconds that a server's Retry-After asks to wait, as far as anybody should."""
    return min(float(said), _LONGEST_WAIT_SECONDS) if said and said.isdigit() else 0.0


def _read_answer(body: bytes) -> Mapping[str, Any]:
    """What an API says of a record; nothing where it is another kind of server."""
    try:
        found = json.loads(body)
    except ValueError:
        found = {}
    return {"errors": [], **found} if isinstance(found, dict) else {"errors": []}
