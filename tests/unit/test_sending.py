"""`chandlery send`: a call that is answered in part sends only the rest again; what is refused for good is named."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
import typer
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from chandlery.datasets.dataset import Dataset
from chandlery.importing.store.rows import Cell
from chandlery.ingest.domain.envelope import open_envelope
from chandlery.platform import queues
from chandlery.platform.errors import Permanent, Retryable
from local import sending
from local.command_line import send as module
from local.command_line.send import send
from local.market_file import BadRow

KEY = "X@BTC@SPOT"
STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/ticks"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/ticks"
MISSING = "arn:aws:sqs:us-east-1:123456789012:none"
SLOW_DOWN = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}


def taken(number: int) -> Mapping[str, str]:
    return {"SequenceNumber": str(number), "ShardId": "s0"}


class Scripted:
    """A client that gives these answers, and remembers what it was asked."""

    def __init__(self, *answers: Mapping[str, Any] | Exception) -> None:
        self.answers = [*answers]
        self.asked: list[Sequence[Any]] = []

    def put_records(self, *, StreamARN: str, Records: Sequence[Any]) -> Mapping[str, Any]:  # noqa: N803  # AWS's
        assert StreamARN == STREAM
        self.asked.append(Records)
        return self._answer()

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> Mapping[str, Any]:  # noqa: N803
        assert QueueUrl == QUEUE
        self.asked.append(Entries)
        return self._answer()

    def _answer(self) -> Mapping[str, Any]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "WAIT_SECONDS", 0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Four ticks, one a record."""
    lines = [f"2026-03-02T15:00:0{second}Z,100.{second}0,1,{second},{second % 2}" for second in range(1, 5)]
    path = tmp_path / "ticks.csv"
    path.write_text("\n".join(["time,price,size,seq,cancelled", *lines, ""]))
    return path


def scripted(monkeypatch: pytest.MonkeyPatch, *answers: Mapping[str, Any] | Exception) -> Scripted:
    client = Scripted(*answers)
    monkeypatch.setattr(sending, "_client", lambda *_: client)
    monkeypatch.setattr(queues, "queue_client", lambda _: client)
    return client


def test_of_a_stream_only_what_was_throttled_is_sent_again(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = {"FailedRecordCount": 1, "Records": [taken(1), taken(2), SLOW_DOWN, taken(3)]}
    client = scripted(monkeypatch, first, {"FailedRecordCount": 0, "Records": [taken(4)]})
    send(file, STREAM, KEY, rows=1)
    assert [len(records) for records in client.asked] == [4, 1]
    assert client.asked[1] == [client.asked[0][2]]
    assert "4 rows in 4 records sent, 1 retried" in capsys.readouterr().out
    envelope = open_envelope(client.asked[1][0]["Data"], {})
    assert (envelope.header.feed, envelope.header.producer) == ("X", "chandlery send")
    assert [json.loads(line) for line in envelope.lines] == [
        {
            "instrument": KEY,
            "time": "2026-03-02T15:00:03+00:00",
            "seq": 3,
            "price": "100.30",
            "size": "1",
            "cancelled": True,
        }
    ]


def test_a_stream_that_stays_throttled_is_reported(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [{"FailedRecordCount": 1, "Records": [taken(1), SLOW_DOWN, taken(2), taken(3)]}]
    client = scripted(monkeypatch, *answers, *[{"FailedRecordCount": 1, "Records": [SLOW_DOWN]}] * 4)
    with pytest.raises(Retryable, match="send the file again"):
        send(file, STREAM, KEY, rows=1)
    assert [len(records) for records in client.asked] == [4, 1, 1, 1, 1]


def refusal(code: str, status: int) -> ClientError:
    said: Any = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "PutRecords")


def test_a_stream_that_is_busy_or_away_is_asked_again_and_one_that_forbids_it_is_not(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = [refusal("ThrottlingException", 400), refusal("InternalFailure", 500), ReadTimeoutError(endpoint_url="x")]
    client = scripted(monkeypatch, *passing, {"FailedRecordCount": 0, "Records": [taken(1)]})
    send(file, STREAM, KEY)
    assert len(client.asked) == 4
    scripted(monkeypatch, refusal("AccessDeniedException", 400))
    with pytest.raises(Permanent, match=r"takes no records: .*AccessDeniedException"):
        send(file, STREAM, KEY)


def test_what_a_queue_blames_the_sender_for_is_named_and_not_sent_again(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blamed = {"Id": "1", "SenderFault": True, "Code": "InvalidMessageContents", "Message": "not so"}
    busy = {"Id": "2", "SenderFault": False, "Code": "InternalError", "Message": "later"}
    client = scripted(monkeypatch, {"Successful": [], "Failed": [blamed, busy]}, {"Successful": []})
    with pytest.raises(typer.Exit) as ended:
        send(file, QUEUE, KEY, rows=1)
    assert ended.value.exit_code == 1
    assert [[each["Id"] for each in entries] for entries in client.asked] == [["0", "1", "2", "3"], ["2"]]
    said = capsys.readouterr()
    assert "4 rows in 3 records sent, 1 retried" in said.out
    assert "InvalidMessageContents: not so" in said.err


def test_a_queue_gets_all_of_a_file(file: Path) -> None:
    with mock_aws():
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName="ticks")["QueueUrl"]
        send(file, url, KEY, rows=3)
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        send(file, "arn:aws:sqs:us-east-1:123456789012:ticks", KEY, rows=1)
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    envelopes = [open_envelope(each["Body"].encode(), {}) for each in messages]
    assert sorted(len(each.lines) for each in envelopes) == [1, 3]
    assert sorted(each.header.batch_id for each in envelopes) == ["ticks.csv 1", "ticks.csv 2"]
    assert attributes["ApproximateNumberOfMessages"] == "4"


def test_a_file_is_laid_out_as_the_flags_say(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("Date;Last;Shares\n02/03/2026 10:30:00;66012,10;5\n")
    with mock_aws():
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName="ticks")["QueueUrl"]
        columns = "time=Date,price=Last,size=Shares"
        send(path, url, KEY, columns=columns, time_zone="Europe/Berlin", day_first=True, decimal_comma=True)
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    (row,) = open_envelope(message["Body"].encode(), {}).lines
    told = json.loads(row)
    assert (told["time"], told["price"], told["size"]) == ("2026-03-02T09:30:00+00:00", "66012.10", "5")


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tables ask of a file without a database: their keys, but for what numbers rows."""

    def asked(_: object, dataset: Dataset) -> Sequence[Cell]:
        needed = {*dataset.key} - {"seq"}
        return [Cell(name, may_be_empty=name not in needed, may_be_absent=name not in needed) for name in dataset.said]

    monkeypatch.setattr(module, "open_connection", nullcontext)
    monkeypatch.setattr(module, "list_cells", asked)


def rows_of(client: Scripted) -> list[dict[str, Any]]:
    bodies = [each["Data"] for records in client.asked for each in records]
    return [json.loads(line) for body in bodies for line in open_envelope(body, {}).lines]


@pytest.mark.usefixtures("tables")
def test_rows_that_name_their_instruments_go_out_under_their_own_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "posts.csv"
    rows = [f"{key},news,2026-03-02T15:00:00Z,{item},0.5" for key, item in ((KEY, "a"), ("Y@ETH@SPOT", "b"))]
    path.write_text("\n".join(["instrument,source,time,item_id,score", *rows, ""]))
    answer = {"FailedRecordCount": 0, "Records": [taken(1)]}
    client = scripted(monkeypatch, answer, answer, answer)
    send(path, STREAM, dataset="sentiment")
    ((record,),) = client.asked
    header = open_envelope(record["Data"], {}).header
    assert (header.data_set, header.feed, record["PartitionKey"]) == ("sentiment", "sentiment", "sentiment")
    assert [(row["instrument"], row["item_id"], row["score"]) for row in rows_of(client)] == [
        (KEY, "a", "0.5"),
        ("Y@ETH@SPOT", "b", "0.5"),
    ]
    send(path, STREAM, dataset="sentiment", feed="wire")
    assert open_envelope(client.asked[1][0]["Data"], {}).header.feed == "wire"
    with pytest.raises(BadRow, match=r'line 3, column instrument: "Y@ETH@SPOT" is not X@BTC@SPOT'):
        send(path, STREAM, KEY, dataset="sentiment")
    path.write_text(path.read_text().replace("Y@ETH@SPOT", "ETH"))
    with pytest.raises(BadRow, match=r'line 3, column instrument: "ETH" is not an instrument key: write EXCHANGE@'):
        send(path, STREAM, dataset="sentiment")
    path.write_text("source,time,item_id,score\nnews,2026-03-02T15:00:00Z,a,0.5\n")
    with pytest.raises(Permanent, match=r"no column instrument names .*--instrument KEY"):
        send(path, STREAM, dataset="sentiment")
    assert len(client.asked) == 2
    send(path, STREAM, KEY, dataset="sentiment")
    assert rows_of(client)[-1]["instrument"] == KEY


@pytest.mark.usefixtures("tables")
def test_rows_of_options_name_contracts_of_the_underlying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "quotes.csv"
    head = "time,expiry,strike,right,bid,oi_time,contract,expires_at"
    named = "2026-03-02T15:00:00Z,2026-03-20,50.0,C,1.10,,GOOG 50,2026-03-20T20:00:00Z"
    path.write_text("\n".join([head, named, "2026-03-02T15:00:00Z,2026-03-20,50.0,put,,,,", ""]))
    client = scripted(monkeypatch, {"FailedRecordCount": 0, "Records": [taken(1)]})
    send(path, STREAM, "X@GOOG@EQ", dataset="option_quotes")
    alike = {
        "instrument": "X@GOOG@EQ",
        "time": "2026-03-02T15:00:00+00:00",
        "seq": 0,
        "expiry": "2026-03-20",
        "strike": "50.0",
    }
    call = {"right": "call", "contract": "GOOG 50", "expires_at": "2026-03-20T20:00:00+00:00", "bid": "1.10"}
    assert rows_of(client) == [alike | call, alike | {"right": "put", "contract": ""}]
    with pytest.raises(Permanent, match="a file of option_quotes does not name its underlying; say which: --instr"):
        send(path, STREAM, dataset="option_quotes")


def test_a_file_of_ticks_needs_the_instrument(file: Path) -> None:
    with pytest.raises(Permanent, match="a file of ticks does not name its instrument; say which: --instrument KEY"):
        send(file, STREAM)


Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that answers each POST with the next status and body, text as it is; its URL."""
    servers = []

    def begin(seen: list[tuple[str, str | None]], *answers: tuple[int, Mapping[str, Any] | str]) -> str:
        left = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                seen.append((self.path, self.headers["Authorization"]))
                status, body = left.pop(0)
                self.send_response(status)
                self.end_headers()
                self.wfile.write((body if isinstance(body, str) else json.dumps(body)).encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_api_is_asked_again_while_unavailable_and_its_counts_are_reported(
    file: Path, serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    seen: list[tuple[str, str | None]] = []
    bad = {"accepted": 0, "bad": 2, "errors": [{"line": 2, "detail": "price: x"}, {"line": 3, "detail": "size: y"}]}
    url = serve(seen, (503, {}), (500, {}), (429, {}), (202, {"accepted": 2, "new": 2, "errors": []}), (422, bad))
    with pytest.raises(typer.Exit):
        send(file, url, KEY, rows=2, token_file=tmp_path / "token")
    assert seen == [("/api/v1/ticks", "Bearer t0ken")] * 5
    said = capsys.readouterr()
    assert "4 rows in 1 record sent, 3 retried, 2 accepted, 2 new, 2 bad" in said.out
    assert "ticks.csv 2, line 3: size: y" in said.err


def test_what_takes_no_records_is_reported(file: Path, serve: Serve) -> None:
    with pytest.raises(Permanent, match="answers 403: forbidden"):
        send(file, serve([], (403, {"detail": "forbidden"})), KEY)
    with pytest.raises(Permanent, match="answers 200: not as an API that takes records does"):
        send(file, serve([], (200, {"hello": "world"})), KEY)
    with pytest.raises(Retryable, match="takes no records now: answers 502; send the file again"):
        send(file, serve([], *[(502, {})] * queues.ATTEMPTS), KEY)
    with mock_aws(), pytest.raises(Permanent, match=f"{MISSING} cannot be found"):
        send(file, MISSING, KEY)
    for to in ("ticks", "arn:aws:s3:::bucket", "ftp://host/x"):
        with pytest.raises(Permanent, match="is neither a queue's URL or ARN"):
            send(file, to, KEY)
    with pytest.raises(
        Permanent,
        match="no rows of candles can be sent; there are: flows, open_interest, option_quotes, sentiment, ticks",
    ):
        send(file, STREAM, KEY, dataset="candles")
