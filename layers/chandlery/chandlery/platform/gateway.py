"""API Gateway's requests, payload format 2.0, as functions without a web framework read and answer them."""

import base64
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

PROBLEM = "application/problem+json"
OTHER_REVISION = "the service and its database are of different revisions: one is being deployed"


class Unacceptable(Exception):
    """A request that cannot be taken, and the status that says so."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.headers = status, dict(headers or {})


def content_type(event: Mapping[str, Any]) -> str:
    """What the body is by its header, in lower case and without parameters; empty without a header."""
    return str(event.get("headers", {}).get("content-type", "")).partition(";")[0].strip().lower()


def body_of(event: Mapping[str, Any]) -> bytes:
    """The body as it was sent.

    Raises:
        ValueError: it is not base64 although it should be, or has half of a surrogate pair.
    """
    body = event.get("body") or ""
    return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()


def problem(status: int, detail: str, request_id: str, errors: object = None) -> dict[str, Any]:
    """Problem details (RFC 9457)."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return body | {"request_id": request_id} | ({"errors": errors} if errors else {})


def response(status: int, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """What API Gateway answers with."""
    return {"statusCode": status, "headers": dict(headers), "body": body, "isBase64Encoded": False}
