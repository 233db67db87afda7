"""Records as producers send them, the events that hand them over, and a queue of bad ones."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import boto3
from moto import mock_aws
from psycopg import Connection

from functions import tick_ingest

KEY = "X@BTC@SPOT"
HEADER = {"data_set": "ticks", "schema_version": 1, "feed": "f1", "producer": "p1", "batch_id": "b1"}
AT = datetime.fromisoformat("2026-03-02T15:00:00Z")


class Context:
    """As much of Lambda's context as a batch needs."""

    aws_request_id = "request-1"
    memory_limit_in_mb = 512

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def tick(seq: int, price: object = 100, size: object = 1, /, **more: Any) -> dict[str, Any]:
    """A row of ticks: that many seconds after AT."""
    time = (AT + timedelta(seconds=seq)).isoformat()
    return {"instrument": KEY, "time": time, "price": price, "size": size, "seq": seq} | more


def body(*rows: Mapping[str, Any] | str, **header: Any) -> str:
    """A record: rows as JSON, or as text to send unchanged."""
    lines = [json.dumps(HEADER | header), *(row if isinstance(row, str) else json.dumps(row) for row in rows)]
    return "\n".join(lines) + "\n"


def from_queue(*sent: tuple[str, str], attributes: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The event of messages, each an id and a body."""
    told = {name: {"stringValue": value, "dataType": "String"} for name, value in (attributes or {}).items()}
    return {
        "Records": [
            {
                "messageId": message_id,
                "receiptHandle": f"receipt-{place}",
                "body": said,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": told,
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:ticks",
                "awsRegion": "us-east-1",
            }
            for place, (message_id, said) in enumerate(sent)
        ]
    }


def from_stream(*sent: tuple[str, str | bytes]) -> dict[str, Any]:
    """The event of a shard's records, each a sequence number and data."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "p",
                    "sequenceNumber": number,
                    "data": base64.b64encode(said if isinstance(said, bytes) else said.encode()).decode(),
                    "approximateArrivalTimestamp": AT.timestamp(),
                },
                "eventSource": "aws:kinesis",
                "eventID": f"shardId-000000000000:{number}",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/ticks",
            }
            for number, said in sent
        ]
    }


@dataclass(frozen=True)
class Desk:
    """The function with its database, and the queue of bad records."""

    connection: Connection
    queue_url: str

    def take(self, event: dict[str, Any]) -> Sequence[str]:
        """Have the function take an event; which records must come again."""
        answered = tick_ingest.handler(event, Context())
        return [each["itemIdentifier"] for each in answered["batchItemFailures"]]

    def bad(self) -> list[dict[str, Any]]:
        """What the queue of bad records got since it was last asked."""
        found: list[dict[str, Any]] = []
        sqs = boto3.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            for each in messages:
                found.append(json.loads(each["Body"]))
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=each["ReceiptHandle"])
        return found

    def ticks(self) -> list[tuple[Any, ...]]:
        """Every tick, as text where it is a number."""
        return self.connection.execute(
            "SELECT seq, price::text, size::text, cancelled FROM market.ticks ORDER BY time, seq"
        ).fetchall()

    def seqs(self) -> list[int]:
        """Those of every tick."""
        return [row[0] for row in self.ticks()]


@contextmanager
def open_desk(connection: Connection, setenv: Any, database_url: str) -> Iterator[Desk]:
    """The function, set up with this database and a queue that moto emulates."""
    for name, value in {
        "DATABASE_URL": database_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        setenv(name, value)
    with mock_aws():
        url = boto3.client("sqs").create_queue(QueueName="bad-records")["QueueUrl"]
        setenv("BAD_RECORDS_QUEUE_URL", url)
        try:
            yield Desk(connection, url)
        finally:
            tick_ingest.SANDBOX.close()


@contextmanager
def refusing(connection: Connection, seqs: Iterable[int], sqlstate: str) -> Iterator[None]:
    """A database that refuses the ticks of some seqs with an error of its own."""
    connection.execute(
        "CREATE FUNCTION public.refuse_some() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NEW.seq IN ({', '.join(map(str, seqs))}) THEN"
        f" RAISE EXCEPTION USING ERRCODE = '{sqlstate}', MESSAGE = format('seq %s is not wanted', NEW.seq);"
        " END IF; RETURN NEW; END $$"
    )
    connection.execute(
        "CREATE TRIGGER refuse_some BEFORE INSERT ON market.ticks FOR EACH ROW EXECUTE FUNCTION public.refuse_some()"
    )
    try:
        yield
    finally:
        connection.execute("DROP TRIGGER refuse_some ON market.ticks")
        connection.execute("DROP FUNCTION public.refuse_some()")
