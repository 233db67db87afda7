"""A server that answers from a script, by httpx2's own mock transport, and steps performed without any I/O."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2

from chandlery_client.core.clock import Clock
from chandlery_client.core.wire import Failure, Request, Response, Send, Steps

T = TypeVar("T")
Answer = Callable[[httpx2.Request], httpx2.Response]


def answered(body: object, status: int = 200, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, json=body, headers=named)


@dataclass
class Script:
    """Answers in order, and what was asked."""

    answers: list[httpx2.Response | Exception]
    asked: list[httpx2.Request] = field(default_factory=list)

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self._answer)

    def queries(self, number: int) -> dict[str, str]:
        return dict(self.asked[number].url.params)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Performed:
    """What steps asked for: requests, and how long they waited."""

    requests: list[Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


def perform(steps: Steps[T], replies: Iterable[Response | Failure], clock: Clock, performed: Performed) -> T:
    """Perform steps: each request meets the next reply, waits move the clock."""
    left, reply = iter(replies), None
    while True:
        try:
            step = steps.send(reply)
        except StopIteration as done:
            result: T = done.value
            return result
        if isinstance(step, Send):
            performed.requests.append(step.request)
            reply = next(left)
        else:
            performed.waits.append(step.seconds)
            clock.wait(step.seconds)  # type: ignore[attr-defined]
            reply = None


def response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, dict(headers or {}), json.dumps(body).encode())


def candle(time: str, **other: Any) -> dict[str, Any]:
    """A candle as the API answers it with numbers=text."""
    made = {
        "time": time, "open": "101.25", "high": "101.50", "low": "101.00", "close": "101.40", "volume": "1200",
        "vwap": "101.3041666666666667", "trades": 12, "minutes": 1, "expected": None, "closed": True, "partial": False,
        "filled": False, "price_eligible": True, "sources": "live_aggregated", "revision": 0,
    }  # fmt: skip
    return made | other


def page(times: Iterable[str], cursor: str | None = None, **other: Any) -> dict[str, Any]:
    """A page of candles at these times of 2 March 2026."""
    candles = [candle(f"2026-03-02T{time}:00Z", **other) for time in times]
    return {"instrument_key": "X@A@EQ", "timeframe": "1m", "candles": candles, "next_cursor": cursor}
