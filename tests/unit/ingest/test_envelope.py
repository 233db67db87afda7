"""Whatever bytes come: each is read, or reported with place and reason; read at once is as read line by line."""

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.datasets.ticks import TICKS
from chandlery.ingest.domain.bad_queue import bad_messages
from chandlery.ingest.domain.delivery import read_event
from chandlery.ingest.domain.envelope import MOST_BYTES, MOST_ROWS, Header, Unreadable, open_envelope
from chandlery.ingest.domain.record import BadRecord, Record
from chandlery.ingest.domain.rows import Fault, RowReader
from chandlery.words.window import LATEST
from tests.integration.ingest.record_scene import HEADER, body, from_queue, from_stream, tick

REQUIRED = ("time", "seq", "price", "size")
MALFORMED = {
    "nonsense": "is not JSON",
    "[1, 2]": "is not a JSON object",
    "17": "is not a JSON object",
    '{"a": 1} {"b": 2}': "more follows",
    "[" * 100_000: "too deep",
    '["instrument", "time", "price", {}]': "is not a JSON object",
    "{}": "lacks instrument, time, seq, price, size",
    json.dumps(tick(1, colour="red")): "nobody knows: colour",
    json.dumps({"sequ": 1}): "nobody knows: sequ",
    json.dumps(tick(1, instrument=None)): "lacks instrument",
    json.dumps(tick(1, instrument="X@\0@Y")): "must be a key",
    json.dumps(tick(1, instrument="X@\ud800@Y")): "must be a key",
    json.dumps(tick(1, instrument=f"X@{'A' * 200}@Y")): "must be a key",
    json.dumps(tick(1, price="1e999")): "price: 1e999 must be a number",
    json.dumps(tick(1, price="9" * 101)): "must be a number",
    json.dumps(tick(1, price=True)): "price: true must be a number",
    json.dumps(tick(1, price={"a": [1]})): "must be a number",
    json.dumps(tick(1, 100, -1)): "size: -1 must not be below zero",
    json.dumps(tick(1, seq=1.5)): "seq: 1.5 must be a whole number",
    json.dumps(tick(1, seq=2**63)): "must be a whole number of 64 bits",
    json.dumps(tick(1, seq="9" * 5000)): "must be a whole number of 64 bits",
    json.dumps(tick(1, time="2026-02-30T15:00:00Z")): "time: 2026-02-30T15:00:00Z must be a time",
    json.dumps(tick(1, time="2026-03-02T15:00:00")): "must be a time in ISO 8601 with an offset",
    json.dumps(tick(1, time="1700-01-01T00:00:00Z")): "must be a time",
    json.dumps(tick(1, time="2300-01-01T00:00:00Z")): "lies in the future",
    json.dumps(tick(1, time="9999-12-31T23:59:59-14:00")): "must be a time",
    json.dumps(tick(1, cancelled="yes")): "cancelled: yes must be true or false",
    json.dumps(tick(1, venue="a\0b")): "must not have the character NUL",
    json.dumps(tick(1, venue="\ud800")): "must be text that UTF-8 can say",
    json.dumps(tick(1)).replace("}", ', "price": 101}'): "has price more than once",
}


UNREADABLE: tuple[tuple[bytes, str, int | None], ...] = (
    (b"", "is empty", None),
    (b"\n\n", "is empty", None),
    (b"\xff", "is not text in UTF-8", 1),
    (b"[]", "not a JSON object", 1),
    (body(schema_version=2).encode(), "schema_version 2; this reads 1", 1),
    (body(feed="").encode(), "has a feed that is not 1 to 100 characters", 1),
    (body(feed=["x"]).encode(), "has a feed", 1),
    (b'{"feed": "a", "feed": "b"}', "the header has feed more than once", 1),
    (body(*["{}"] * (MOST_ROWS + 1)).encode(), "10,001 rows; 10,000 are the most", None),
    (b"x" * (MOST_BYTES + 1), "more than 4,194,304 bytes", None),
    (gzip.compress(b"x" * (MOST_BYTES + 1), mtime=0), "more than 4,194,304 bytes", None),
    (gzip.compress(b"x" * 1000, mtime=0)[:-5], "ends too early", None),
    (gzip.compress(b"", mtime=0) * 50_000, "is empty", None),
    (b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff\xff", "begins as gzip, and is not", None),
    (b"H4sI!", "begins as gzip in base64, and is not", None),
)


def reader() -> RowReader:
    return RowReader(TICKS, REQUIRED, LATEST)


@pytest.mark.parametrize(("line", "reason"), MALFORMED.items(), ids=range(len(MALFORMED)))
def test_a_malformed_row_has_its_place_and_reason_and_harms_no_other(line: str, reason: str) -> None:
    good, bad = reader().read(open_envelope(body(tick(1), line, tick(2)).encode(), {}), 0)
    assert [row.line for row in good] == [2, 4]
    assert [(fault.line, fault.row) for fault in bad] == [(3, line)]
    assert reason in bad[0].reason


@pytest.mark.parametrize(
    "line", ['["instrument", "time", "price", {}]', '["instrument", null]', "[[1]]", '"instrument"']
)
def test_a_first_row_that_is_no_object_is_reported(line: str) -> None:
    good, bad = reader().read(open_envelope(body(line).encode(), {}), 0)
    assert (good, [fault.reason for fault in bad]) == ([], ["is not a JSON object"])


def test_a_row_or_a_header_nested_just_as_deep_as_can_be_read_is_reported() -> None:
    for depth in range(900, 1001):
        nested = "[" * depth + "]" * depth
        _, bad = reader().read(open_envelope(body(f'{{"instrument": {nested}}}').encode(), {}), 0)
        assert [fault.line for fault in bad] == [2]
        header = json.dumps(HEADER | {"feed": None}).replace("null", nested)
        with pytest.raises(Unreadable):
            open_envelope(header.encode(), {})


def test_a_row_that_is_no_text_is_reported() -> None:
    good, bad = reader().read(open_envelope(body(tick(1)).encode() + b"\xff\xfe\n", {}), 0)
    assert (len(good), bad[0].line, bad[0].reason) == (1, 3, "is not text in UTF-8")


@pytest.mark.parametrize(("sent_body", "reason", "line"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_record_that_cannot_be_read_is_reported(sent_body: bytes, reason: str, line: int | None) -> None:
    with pytest.raises(Unreadable, match=reason) as raised:
        open_envelope(sent_body, {})
    assert raised.value.line == line


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_break_the_reader(noise: bytes, behind_a_header: bool) -> None:
    try:
        envelope = open_envelope(json.dumps(HEADER).encode() + b"\n" + noise if behind_a_header else noise, {})
    except Unreadable:
        return
    reader().read(envelope, 0)


NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9).map(str),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.just("007"),
)
ROWS = st.builds(
    lambda seq, price, size, more: tick(seq, price, size, **more),
    st.integers(0, 10**6),
    NUMBERS,
    NUMBERS,
    st.fixed_dictionaries({}, optional={"venue": st.text(max_size=5), "cancelled": st.booleans()}),
)


@given(st.lists(ROWS, min_size=1, max_size=4), st.sampled_from([None, (",", ":")]))
def test_rows_read_at_once_are_those_read_line_by_line(rows: list[dict[str, Any]], separators: Any) -> None:
    lines = [json.dumps(row, separators=separators) for row in rows]
    at_once = reader().read(open_envelope(body(*lines).encode(), {}), 0)
    # A row of other members, and no record is written alike.
    apart = reader().read(open_envelope(body(*lines, "{}").encode(), {}), 0)
    assert [row._replace(cells=()) for row in at_once[0]] == [row._replace(cells=()) for row in apart[0]]
    said = [[(row.columns, row.cells) for row in found] for found, _ in (at_once, apart)]
    assert [_normal(each) for each in said[0]] == [_normal(each) for each in said[1]]
    assert at_once[1] == apart[1][:-1]


def _normal(row: tuple[tuple[str, ...], tuple[str, ...]]) -> list[str]:
    """Cells with their time in one form of the several that say it."""
    return [cell.replace("Z", "+00:00") if name == "time" else cell for name, cell in zip(*row, strict=True)]


def test_a_stream_is_answered_by_value_and_a_queue_with_each_id_once() -> None:
    numbers = ["9" * 55, f"1{'0' * 55}"]
    stream = read_event(from_stream(*((number, body(tick(1))) for number in numbers)))
    assert stream.answer(numbers[::-1]) == {"batchItemFailures": [{"itemIdentifier": numbers[0]}]}
    assert stream.comes_again(numbers[1], numbers[:1])
    assert not stream.comes_again(numbers[0], numbers[1:])
    queue = read_event(from_queue(("m-1", "x"), ("m-2", "x")))
    assert queue.answer(["m-2", "m-1", "m-2"]) == {
        "batchItemFailures": [{"itemIdentifier": "m-2"}, {"itemIdentifier": "m-1"}]
    }
    assert stream.answer([]) == queue.answer([]) == {"batchItemFailures": []}


def test_what_is_said_about_a_record_fits_a_message_whatever_it_was() -> None:
    header = Header("ticks", "f", "p", "b")
    faults = [Fault(line, "\x00" * 500, "\x00" * 200) for line in range(1000)] + [
        Fault(2000, "x", "\x01" * 10**6),
        Fault(2001, "\U0001f600" * 40_000, "\U0001f600" * 40_000),
    ]
    told = list(bad_messages("arn", BadRecord(Record("m", b"\xff" * 10**6), header, faults)))
    assert max(map(len, told)) < 256 * 1024
    said = [json.loads(each) for each in told]
    assert [fault["line"] for each in said for fault in each["faults"]] == [*range(1000), 2000, 2001]
    assert said[-1]["faults"][-1]["is_cut"]
    (whole,) = bad_messages("arn", BadRecord(Record("m", b"\xff\xfe"), None, [Fault(None, "is no text")]))
    assert base64.b64decode(json.loads(whole)["body_base64"]) == b"\xff\xfe"
