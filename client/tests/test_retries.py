"""What is sent again, after which wait, and what is raised when the deadline comes."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from chandlery_client import ConnectionFailed, DeadlineExceeded, Patience, Refused, TooManyRequests, Unavailable
from chandlery_client.core.retry_after import read_retry_after
from chandlery_client.core.retrying import send
from chandlery_client.core.wire import Failure, Request, Response
from conftest import StillClock
from scripted import Performed, perform, response

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
ASKED = Request("GET", "/api/v1/instruments")
GOOD = response({"instruments": []})
CUT = Failure(ConnectionFailed("cut"))


def busy(status: int, retry_after: str | None = None) -> Response:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return response({"title": "T", "status": status, "detail": "wait", "request_id": "r-1"}, status, headers)


@pytest.mark.parametrize("jitter", [0.0, 1.0])
@pytest.mark.parametrize(
    ("status", "header", "least"),
    [
        (429, "Tue, 01 Dec 2026 10:00:07 GMT", 7.0),
        (503, "4", 4.0),
        (429, "Tue, 01 Dec 2026 09:59:00 GMT", 0.0),
        (429, "soon", 0.25),
        (429, "-3", 0.25),
        (429, "1.5", 0.25),
        (504, None, 0.25),
    ],
)
def test_the_wait_that_was_asked_for_is_kept(
    clock: StillClock, status: int, header: str | None, least: float, jitter: float
) -> None:
    performed = Performed()
    patience = Patience(deadline=30, chance=lambda: jitter)
    assert perform(send(ASKED, patience, clock), [busy(status, header), GOOD], clock, performed) == GOOD
    (waited,) = performed.waits
    assert least <= waited <= least + jitter * max(least * 0.1, 0.1)
    assert len(performed.requests) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_beyond_the_deadline_is_not_begun(clock: StillClock, status: int) -> None:
    performed, answer = Performed(), busy(status, "Fri, 31 Dec 9999 23:59:59 GMT")
    with pytest.raises((TooManyRequests, Unavailable)) as raised:
        perform(send(ASKED, Patience(deadline=30), clock), [answer], clock, performed)
    assert raised.value.retryable
    assert raised.value.retry_after == timedelta(seconds=251_606_181_599)
    assert (raised.value.status, raised.value.request_id) == (status, "r-1")
    assert performed.waits == []


@pytest.mark.parametrize("text", ["999999999999999999999999", "1e9", "", "Tue, 99 Xyz 2026 10:00:00 GMT", "²"])
def test_what_makes_no_sense_is_no_wait(text: str) -> None:
    assert read_retry_after(text, NOW) is None


def test_waits_grow_up_to_a_bound_and_end_with_the_deadline(clock: StillClock) -> None:
    performed = Performed()
    patience = Patience(deadline=60, first_wait=1, longest_wait=8, chance=lambda: 0)
    with pytest.raises(ConnectionFailed):
        perform(send(ASKED, patience, clock), [CUT] * 100, clock, performed)
    assert performed.waits == [1, 2, 4, 8, 8, 8, 8, 8, 8]
    assert math.fsum(performed.waits) <= 60


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_these_and_failed_connections_are_tried_again(clock: StillClock, status: int) -> None:
    late = Failure(DeadlineExceeded("slow"))
    assert perform(send(ASKED, Patience(), clock), [busy(status), CUT, late, GOOD], clock, Performed()) == GOOD


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 409, 413, 415, 418, 422, 500, 501])
def test_others_are_not(clock: StillClock, status: int) -> None:
    performed = Performed()
    with pytest.raises(Exception, match=str(status)) as raised:
        perform(send(ASKED, Patience(), clock), [busy(status, "1")], clock, performed)
    assert not getattr(raised.value, "retryable", True)
    assert performed.waits == []


def test_an_attempt_has_what_is_left_of_the_deadline(clock: StillClock) -> None:
    steps = send(ASKED, Patience(deadline=10, attempt=8, first_wait=1, chance=lambda: 0), clock)
    assert next(steps).seconds == 8
    clock.wait(8)
    steps.send(CUT)
    clock.wait(1)
    assert next(steps).seconds == 1


def test_a_refusal_names_its_fields(clock: StillClock) -> None:
    body = {"title": "Unprocessable", "status": 422, "detail": "limit: too many", "request_id": "r-2"}
    refused = response({**body, "errors": [{"field": "limit", "detail": "too many"}]}, 422)
    with pytest.raises(Refused, match="limit: too many") as raised:
        perform(send(ASKED, Patience(), clock), [refused], clock, Performed())
    assert [(each.field, each.detail) for each in raised.value.errors] == [("limit", "too many")]


@pytest.mark.parametrize("body", [b'{"message": "Unauthorized"}', b"<html>no</html>", b"", b"[1]", b"\xff\xfe"])
def test_a_gateway_says_it_in_its_own_way(clock: StillClock, body: bytes) -> None:
    with pytest.raises(Exception, match="401 Unauthorized"):
        perform(send(ASKED, Patience(), clock), [Response(401, {}, body)], clock, Performed())
