"""What Lambda hands over of a queue or a stream, and how it wants to be answered."""

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chandlery.ingest.domain.record import Record

QUEUE, STREAM = "aws:sqs", "aws:kinesis"


@dataclass(frozen=True)
class Delivery:
    """A batch of records of one source; those of a stream are of one shard, in its order."""

    source: str
    records: Sequence[Record]
    is_stream: bool

    def answer(self, turned_away: Collection[str]) -> Mapping[str, Any]:
        """What to say for these to come again, and no others of a queue.

        A stream comes again from the lowest on: its numbers are compared by value, for they differ in length.
        """
        again = [min(turned_away, key=int)] if self.is_stream and turned_away else [*dict.fromkeys(turned_away)]
        return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in again]}

    def comes_again(self, record_id: str, turned_away: Collection[str]) -> bool:
        """Whether a record comes again, if these do."""
        if self.is_stream and turned_away:
            return int(record_id) >= min(map(int, turned_away))
        return record_id in turned_away


def read_event(event: Mapping[str, Any]) -> Delivery:
    """The delivery that an event is.

    Raises:
        ValueError: it is from neither a queue nor a stream.
    """
    try:
        sent = event["Records"]
        kind = sent[0]["eventSource"]
        if kind not in (QUEUE, STREAM):
            raise ValueError(f"nothing is taken from {kind}")
        read = _of_queue if kind == QUEUE else _of_stream
        return Delivery(sent[0]["eventSourceARN"], [read(each) for each in sent], kind == STREAM)
    except (KeyError, IndexError, TypeError, AttributeError, binascii.Error):
        raise ValueError("it has no records as SQS or Kinesis hand them over") from None


def _of_queue(sent: Mapping[str, Any]) -> Record:
    attributes = {
        name: each["stringValue"] for name, each in sent.get("messageAttributes", {}).items() if "stringValue" in each
    }
    return Record(sent["messageId"], sent["body"].encode(errors="surrogatepass"), attributes)


def _of_stream(sent: Mapping[str, Any]) -> Record:
    kinesis = sent["kinesis"]
    return Record(kinesis["sequenceNumber"], base64.b64decode(kinesis["data"], validate=True))
