"""Answers: kept by their ETags, of members and fields that a later server adds, and of one call's own."""

from decimal import Decimal
from typing import Any

import httpx2
import pytest

from chandlery_client import Client, SignalType, Verdict
from chandlery_client.core.etags import Kept
from chandlery_client.core.wire import Request, Response
from scripted import Script, answered

STATISTICS: dict[str, Any] = {
    "instrument_key": "X@A@EQ", "minutes": 2, "days": 1, "first_day": "2026-03-02", "last_day": "2026-03-02",
    "first": "2026-03-02T10:00:00Z", "last": "2026-03-02T10:01:00Z", "high": "101.5", "high_day": "2026-03-02",
    "low": "101", "low_day": "2026-03-02", "average_close": "101.4", "weighted_close": None, "volume": "2400",
}  # fmt: skip
SIGNAL: dict[str, Any] = {
    "id": 7, "time": "2026-03-02T10:00:00Z", "instrument_key": "X@A@EQ", "timeframe": "5m", "strategy": "s",
    "strategy_version": "1", "signal_type": "buy", "direction": 1, "strength": 0.5, "confidence": "0.25",
    "price": 101.4, "target_price": "103", "stop_loss": None, "rationale": "", "generated_at": "2026-03-02T10:05:00Z",
    "expires_at": "2026-03-02T21:00:00Z", "is_active": True, "ended_at": None, "ended_by": None, "ended_price": None,
    "backfilled": False,
}  # fmt: skip


def test_what_has_not_changed_is_not_sent_again() -> None:
    unchanged = httpx2.Response(304, headers={"ETag": 'W/"a"'})
    script = Script([answered(STATISTICS, ETag='W/"a"'), unchanged, answered(STATISTICS | {"days": 2}, ETag='W/"b"')])
    client = Client("http://test", transport=script.transport)
    assert [client.statistics("X@A@EQ").days for _ in range(3)] == [1, 1, 2]
    assert [asked.headers.get("if-none-match") for asked in script.asked] == [None, 'W/"a"', 'W/"a"']


def test_answers_to_other_questions_are_not_taken_for_it() -> None:
    script = Script([answered(STATISTICS, ETag='"a"'), answered(STATISTICS)])
    client = Client("http://test", transport=script.transport)
    client.statistics("X@A@EQ")
    client.statistics("X@B@EQ")
    assert "if-none-match" not in script.asked[1].headers


def test_no_more_bytes_are_kept_than_said() -> None:
    kept = Kept(100)
    requests = [Request("GET", f"/{number}") for number in range(5)]
    for request in requests:
        kept.keep(request, Response(200, {"etag": '"a"'}, b"x" * 40))
    assert [kept.find(request) is not None for request in requests] == [False, False, False, True, True]
    kept.keep(requests[4], Response(200, {"etag": '"b"'}, b"x" * 200))
    assert kept.find(requests[4]) is None
    assert kept.find(requests[3]) is not None
    kept.keep(Request("POST", "/3"), Response(200, {"etag": '"a"'}, b""))
    assert kept.find(Request("POST", "/3")) is None


@pytest.mark.parametrize("kind", ["buy", "peculiar"])
def test_members_that_a_later_server_adds_are_borne(kind: str) -> None:
    script = Script([answered({"signals": [SIGNAL | {"signal_type": kind, "more": {}}], "next_cursor": None, "x": 1})])
    (signal,) = Client("http://test", transport=script.transport).signals()
    assert signal.signal_type == kind
    assert signal.signal_type.is_known is (kind == "buy")
    assert (signal.signal_type is SignalType.BUY) is (kind == "buy")
    assert (signal.price, signal.confidence) == (Decimal("101.4"), 0.25)
    assert f"{signal.signal_type}" == kind


def test_an_unknown_member_is_equal_to_itself_and_no_other() -> None:
    assert Verdict("X") == Verdict("X") == "X"
    assert Verdict("X") != Verdict("Y")
    assert len(Verdict) == 4


def test_every_number_of_a_request_is_asked_for_exactly() -> None:
    script = Script([answered(STATISTICS)])
    Client("http://test", transport=script.transport).statistics("X@A@EQ")
    assert script.queries(0) == {"numbers": "text"}
    assert script.asked[0].headers["accept-encoding"] == "gzip"


def test_a_token_that_expires_is_asked_for_each_time() -> None:
    tokens = iter(["one", "two"])
    script = Script([answered({}, 503, Retry_After="0"), answered(STATISTICS)])
    Client("http://test", token=lambda: next(tokens), transport=script.transport).statistics("X@A@EQ")
    assert [asked.headers["authorization"] for asked in script.asked] == ["Bearer one", "Bearer two"]
