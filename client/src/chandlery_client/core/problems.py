"""Responses that are no answers, as typed errors."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec

from chandlery_client.errors import (
    BadRequest,
    FieldProblem,
    Forbidden,
    NotFound,
    Problem,
    Refused,
    ServerFailed,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)

from .retry_after import read_retry_after
from .wire import Response

_CLASSES: Mapping[int, type[Problem]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
    422: Refused,
    429: TooManyRequests,
    500: ServerFailed,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
_SHOWN = 300


def problem_of(response: Response, now: datetime) -> Problem:
    """The error that a response stands for.

    Gateways answer in forms of their own: API Gateway says `{"message": "Unauthorized"}`.
    """
    body = _members(response.body)
    detail = body.get("detail") or body.get("message") or body.get("Message")
    return _CLASSES.get(response.status, Problem)(
        response.status,
        str(detail or response.body[:_SHOWN].decode(errors="replace") or "the answer says no more"),
        title=str(body.get("title") or _phrase(response.status)),
        request_id=str(body.get("request_id") or response.headers.get("x-request-id", "")),
        errors=_errors(body.get("errors")),
        retry_after=read_retry_after(response.headers.get("retry-after"), now),
    )


def _members(body: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _errors(listed: object) -> list[FieldProblem]:
    """Of fields they say `field`, of rows `line`."""
    found = listed if isinstance(listed, list) else []
    return [
        FieldProblem(str(each.get("field", each.get("line", ""))), str(each.get("detail", "")))
        for each in found
        if isinstance(each, dict)
    ]
