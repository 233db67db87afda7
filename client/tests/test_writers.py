"""Writers: batches, several at a time, sent again as they are; no row is lost, and none is taken twice."""

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import anyio
import httpx2
import pytest
from pydantic import ValidationError

from chandlery_client import (
    AsyncClient,
    BadArgument,
    BadRequest,
    Client,
    FlowLeg,
    OpenInterest,
    OptionQuote,
    Patience,
    RowsRefused,
    RowsUnsent,
    SentimentItem,
    Tick,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUICK = Patience(deadline=5, first_wait=0.001, longest_wait=0.002)
SHORT = Patience(deadline=0.05, first_wait=0.01)
OTHERS = [
    OptionQuote(instrument="X@A@EQ", time=NOON, expiry="2026-03-20", strike="100", right="C", bid="1.05", iv=0.2),
    OpenInterest(instrument="X@A100C@OPT", time=NOON, open_interest=7),
    SentimentItem(instrument="X@A@EQ", time=NOON, source="wire", item_id="1", score="-0.25"),
    FlowLeg(instrument="X@A@EQ", time=NOON, venue="v", tx="0x1", leg=1, direction="in", amount=Decimal(2**256)),
]


def ticks(count: int) -> list[Tick]:
    return [
        Tick(instrument="X@A@EQ", time=NOON + timedelta(seconds=number), seq=number, price="101.10", size=1)
        for number in range(count)
    ]


class Store:
    """A server that takes records as the real one does: a row it has is known, and some are bad."""

    def __init__(self, *troubles: httpx2.Response | Exception) -> None:
        self.rows: list[str] = []
        self.headers: list[dict[str, Any]] = []
        self.most_at_once = self.at_once = 0
        self.troubles = list(troubles)
        # What is stored although its answer is lost.
        self.answers_lost = 0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await anyio.sleep(0.001)
        self.at_once -= 1
        return self.answer(request)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        assert request.headers["content-type"] == "application/gzip"
        if self.troubles:
            trouble = self.troubles.pop(0)
            if isinstance(trouble, Exception):
                raise trouble
            return trouble
        header, *lines = gzip.decompress(request.content).decode().splitlines()
        self.headers.append(json.loads(header) | {"path": request.url.path})
        errors = [
            {"line": number, "detail": "size: it is 13"}
            for number, line in enumerate(lines, 2)
            if json.loads(line).get("size") == "13"
        ]
        good = [line for line in lines if json.loads(line).get("size") != "13"]
        new = [line for line in good if line not in self.rows]
        self.rows += new
        if self.answers_lost:
            self.answers_lost -= 1
            raise httpx2.ReadError("cut")
        if not good:
            return httpx2.Response(422, json={"status": 422, "title": "T", "detail": "no row", "errors": errors})
        counts = {"accepted": len(good), "new": len(new), "known": len(good) - len(new), "bad": len(errors)}
        return httpx2.Response(202, json=counts | {"conflicting": 0, "cancelled": 0, "errors": errors})


def write(store: Store, rows: list[Any], patience: Patience = QUICK, **options: Any) -> Any:
    with Client("http://test", patience=patience, transport=httpx2.MockTransport(store.answer)) as client:
        with client.writer(type(rows[0]), feed="f", producer="p", **options) as writer:
            for row in rows:
                writer.add(row)
        return writer


def write_async(store: Store, rows: list[Any], patience: Patience = QUICK, **options: Any) -> Any:
    async def run() -> Any:
        client = AsyncClient("http://test", patience=patience, transport=httpx2.MockTransport(store))
        async with client, client.writer(type(rows[0]), feed="f", producer="p", **options) as writer:
            for row in rows:
                await writer.add(row)
        return writer

    return asyncio.run(run())


both = pytest.mark.parametrize("write", [write, write_async])
Write = Callable[..., Any]


@both
def test_rows_go_in_batches_under_headers_of_their_own(write: Write) -> None:
    store = Store()
    writer = write(store, ticks(25), batch_rows=10)
    assert (writer.sent.new, writer.sent.known, writer.unsent) == (25, 0, ())
    assert sorted(json.loads(row)["seq"] for row in store.rows) == list(range(25))
    ids = [header.pop("batch_id") for header in store.headers]
    assert len(set(ids)) == 3
    expected = {"data_set": "ticks", "schema_version": 1, "feed": "f", "producer": "p", "path": "/api/v1/ticks"}
    assert store.headers == [expected] * 3
    assert json.loads(store.rows[0]) | {"seq": 0, "time": ""} == {
        "instrument": "X@A@EQ", "time": "", "seq": 0, "price": "101.10", "size": "1"}  # fmt: skip


@both
def test_what_was_not_answered_is_sent_again_and_known(write: Write) -> None:
    store = Store(httpx2.Response(429), httpx2.Response(503, headers={"Retry-After": "0"}), httpx2.ConnectError("no"))
    store.answers_lost = 1
    writer = write(store, ticks(20), batch_rows=10, **({"senders": 1} if write is write_async else {}))
    assert (writer.sent.new, writer.sent.known) == (10, 10)
    assert max(Counter(store.rows).values()) == 1
    assert len(store.rows) == 20
    # The same batch keeps its id.
    assert store.headers[0]["batch_id"] == store.headers[1]["batch_id"]


@both
def test_refused_rows_are_named_and_the_others_taken(write: Write) -> None:
    bad = [Tick(instrument="X@A@EQ", time=NOON, seq=99, price=1, size=13)]
    store = Store()
    with pytest.raises(RowsRefused, match="1 row was refused: size: it is 13") as raised:
        write(store, ticks(5) + bad)
    assert [refused.row for refused in raised.value.rows] == bad
    assert len(store.rows) == 5
    with pytest.raises(RowsRefused):
        write(Store(), bad)
    found: list[Any] = []
    assert write(Store(), ticks(5) + bad, on_refused=found.append).sent.new == 5
    assert [refused.row for refused in found] == bad


@both
def test_rows_that_no_server_took_are_kept(write: Write) -> None:
    store = Store(*[httpx2.ConnectError("away") for _ in range(100)])
    with pytest.raises(RowsUnsent, match="away") as raised:
        write(store, ticks(25), SHORT, batch_rows=10)
    assert raised.value.retryable
    assert sorted(row.seq for row in raised.value.rows) == list(range(len(raised.value.rows)))  # type: ignore[attr-defined]
    # Those that `add` took; once it has said that it takes no more, the caller has the others.
    assert len(raised.value.rows) >= 10


@both
def test_a_request_that_is_wrong_is_no_matter_of_retries(write: Write) -> None:
    store = Store(httpx2.Response(400, json={"status": 400, "detail": "feed: it is none"}))
    with pytest.raises(RowsUnsent, match="feed: it is none") as raised:
        write(store, ticks(3))
    assert isinstance(raised.value.__cause__, BadRequest)
    assert not raised.value.retryable
    assert len(raised.value.rows) == 3


def test_flush_tries_again() -> None:
    store = Store(*[httpx2.ConnectError("away") for _ in range(100)])
    with Client("http://test", patience=SHORT, transport=httpx2.MockTransport(store.answer)) as client:
        with client.writer(Tick, feed="f", producer="p", batch_rows=10) as writer:
            for row in ticks(9):
                writer.add(row)
            with pytest.raises(RowsUnsent):
                writer.add(ticks(10)[9])
            with pytest.raises(RowsUnsent):
                writer.add(ticks(11)[10])
            store.troubles.clear()
            assert writer.flush().new == 10
            writer.add(ticks(11)[10])
        assert (writer.sent.new, writer.unsent) == (11, ())


def test_no_more_batches_are_under_way_than_senders() -> None:
    store = Store()
    writer = write_async(store, ticks(200), batch_rows=5, senders=3)
    assert writer.sent.new == 200
    assert 1 < store.most_at_once <= 3


def test_a_row_does_not_wait_for_a_full_batch() -> None:
    async def run() -> None:
        store = Store()
        client = AsyncClient("http://test", transport=httpx2.MockTransport(store))
        async with client, client.writer(Tick, feed="f", producer="p", flush_seconds=0.01) as writer:
            await writer.add(ticks(1)[0])
            with anyio.fail_after(5):
                while not store.rows:
                    await anyio.sleep(0.01)

    asyncio.run(run())


def test_the_error_of_a_program_is_its_own_and_its_rows_are_sent() -> None:
    store = Store()

    async def run() -> None:
        client = AsyncClient("http://test", transport=httpx2.MockTransport(store))
        async with client, client.writer(Tick, feed="f", producer="p") as writer:
            await writer.add(ticks(1)[0])
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(run())
    assert len(store.rows) == 1


def test_what_is_under_way_when_a_program_is_cancelled_is_kept() -> None:
    async def never(request: httpx2.Request) -> httpx2.Response:
        await anyio.sleep_forever()
        raise AssertionError

    async def run() -> Any:
        async with AsyncClient("http://test", transport=httpx2.MockTransport(never)) as client:
            with anyio.move_on_after(0.05):
                async with client.writer(Tick, feed="f", producer="p", batch_rows=2, senders=1) as writer:
                    for row in ticks(5):
                        await writer.add(row)
            return writer

    assert sorted(row.seq for row in asyncio.run(run()).unsent) == [0, 1, 2, 3]


@both
@pytest.mark.parametrize("row", OTHERS)
def test_every_data_set_has_its_rows(write: Write, row: Any) -> None:
    store = Store()
    assert write(store, [row]).sent.new == 1
    (header,) = store.headers
    assert header["path"] == f"/api/v1/{header['data_set'].replace('_', '-')}"
    assert "null" not in store.rows[0]


def test_a_mapping_is_checked_like_a_row() -> None:
    with Client("http://test", transport=httpx2.MockTransport(Store().answer)) as client:
        with client.writer(Tick, feed="f", producer="p") as writer:
            writer.add({"instrument": "X@A@EQ", "time": "2026-03-02T12:00:00Z", "seq": 1, "price": "1", "size": 1})
            for wrong in ({"price": "NaN"}, {"price": 1.1}, {"size": -1}, {"time": "2026-03-02T12:00:00"}, {"x": 1}):
                with pytest.raises(ValidationError):
                    writer.add({"instrument": "X@A@EQ", "time": NOON, "seq": 2, "price": "1", "size": 1} | wrong)
            with pytest.raises(BadArgument, match="takes no FlowLeg"):
                writer.add(OTHERS[3])  # type: ignore[arg-type]  # what is refused
        assert writer.sent.new == 1


def test_a_batch_stays_below_what_the_server_reads() -> None:
    store = Store()
    long = [tick.model_copy(update={"conditions": f"{tick.seq:06}" * 4000}) for tick in ticks(400)]
    assert write(store, long, batch_rows=10_000).sent.new == 400
    assert len(store.headers) == 3


def test_an_amount_of_256_bits_keeps_its_digits() -> None:
    store = Store()
    write(store, [OTHERS[3]])
    assert json.loads(store.rows[0])["amount"] == str(2**256)
