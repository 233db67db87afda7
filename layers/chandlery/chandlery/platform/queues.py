"""Queues of SQS: many messages in few calls, of each of which some may fail alone."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chandlery.platform.errors import Permanent, Retryable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_MOST_MESSAGES, _MOST_BYTES = 10, 256 * 1024
ATTEMPTS, WAIT_SECONDS = 5, 0.2


@dataclass(frozen=True)
class Sent:
    """What became of messages: those refused for good, by their places, and how many were sent once more."""

    refused: dict[int, str]
    retried: int = 0


def queue_client(queue_url: str) -> "SQSClient":
    """A client of the region that AWS_REGION names; `queue_url` is for the error alone.

    Raises:
        Permanent: no region is named.
    """
    # Imported here: boto3 is a quarter of a second that a function without bad records need not pay.
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.client("sqs")
    except BotoCoreError as error:
        raise Permanent(f"{queue_url} cannot be asked ({error}); set AWS_REGION to its region") from None


def send(client: "SQSClient", queue_url: str, bodies: Sequence[str]) -> Sent:
    """Send messages; those that a call leaves out are sent again, but for what the sender is to blame for.

    Raises:
        Retryable: the queue does not take some of them now, and none of those that follow were sent.
    """
    refused: dict[int, str] = {}
    retried = 0
    for places in _calls(bodies):
        waiting = places
        for attempt in range(ATTEMPTS):
            failed = _send(client, queue_url, bodies, waiting)
            refused |= {place: reason for place, (reason, is_ours) in failed.items() if is_ours}
            waiting = [place for place, (_, is_ours) in failed.items() if not is_ours]
            if not waiting:
                break
            if attempt + 1 == ATTEMPTS:
                raise Retryable(f"{queue_url} does not take messages now: {failed[waiting[0]][0]}")
            retried += len(waiting)
            time.sleep(WAIT_SECONDS * 2**attempt)
    return Sent(refused, retried)


def _send(
    client: "SQSClient", queue_url: str, bodies: Sequence[str], places: Sequence[int]
) -> dict[int, tuple[str, bool]]:
    """Why messages were not taken, by their places, and whether that is the sender's fault."""
    from botocore.exceptions import BotoCoreError, ClientError

    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(place), "MessageBody": bodies[place]} for place in places
    ]
    try:
        answered = client.send_message_batch(QueueUrl=queue_url, Entries=entries)
    except (BotoCoreError, ClientError) as error:
        return dict.fromkeys(places, (str(error), False))
    return {
        int(each["Id"]): (f"{each['Code']}: {each.get('Message', '')}", each["SenderFault"])
        for each in answered.get("Failed", ())
    }


def _calls(bodies: Sequence[str]) -> Iterator[list[int]]:
    """The places of messages that go together."""
    places: list[int] = []
    size = 0
    for place, body in enumerate(bodies):
        length = len(body.encode())
        if places and (len(places) == _MOST_MESSAGES or size + length > _MOST_BYTES):
            yield places
            places, size = [], 0
        places.append(place)
        size += length
    if places:
        yield places
