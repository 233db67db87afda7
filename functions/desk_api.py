"""Whenever a user asks for what is his: watchlists, their items, alerts. By the routes that the document tells of."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import orjson
from psycopg import Connection

from chandlery.desk import at_desk, keep_alerts, keep_items, keep_watchlists
from chandlery.desk.domain import fields
from chandlery.desk.domain.fields import WrongField
from chandlery.desk.domain.routes import MOST_ROWS, Route, UserAnswer, routes_at
from chandlery.desk.domain.user import Caller, is_sayable
from chandlery.desk.keep_alerts import AlertsWanted
from chandlery.platform import gateway
from chandlery.platform.component import LambdaContext, memory_of
from chandlery.platform.connection import SandboxConnection, connect
from chandlery.platform.errors import (
    ChandleryError,
    Conflicting,
    Forbidden,
    NotFound,
    Outdated,
    Permanent,
    Refused,
    Retryable,
    WrongSchema,
)
from chandlery.platform.gateway import Unacceptable
from chandlery.platform.request_telemetry import RequestTelemetry
from chandlery.platform.settings import read_settings
from chandlery.platform.telemetry import ProcessUse, Telemetry
from chandlery.words.remark import without_remedy

_NAME = "desk_api"
_MOST_BYTES = 100_000
_RETRY_AFTER_SECONDS = "5"
# API Gateway waits 30 seconds at most, and several statements are one request.
_STATEMENT_SECONDS = 10
_AS_ANSWERED = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
_STATUSES: Mapping[type[ChandleryError], int] = {
    NotFound: 404,
    Refused: 422,
    Conflicting: 409,
    Outdated: 412,
    Forbidden: 403,
}
_telemetry = RequestTelemetry(_NAME)
SANDBOX = SandboxConnection(
    lambda: connect(read_settings(), _NAME, timeout_seconds=_STATEMENT_SECONDS), Telemetry(_NAME).logger.warning
)

_WORK: Mapping[str, Callable[..., Any]] = {
    "describe_user": at_desk.describe_user,
    **{name: getattr(keep_watchlists, name) for name in (
        "list_watchlists", "find_watchlist", "add_watchlist", "change_watchlist", "delete_watchlist"
    )},
    **{name: getattr(keep_items, name) for name in (
        "list_items", "find_item", "add_item", "change_item", "delete_item"
    )},
    **{name: getattr(keep_alerts, name) for name in (
        "list_alerts", "find_alert", "add_alert", "change_alert", "delete_alert", "list_firings"
    )},
}  # fmt: skip


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request: API Gateway's event, payload format 2.0, in; its response out."""
    started, process = time.perf_counter(), ProcessUse(memory_of(context))
    request_id = event.get("requestContext", {}).get("requestId") or context.aws_request_id
    try:
        answered = _answer(event, SANDBOX.get)
    except Unacceptable as problem:
        answered = _problem(problem.status, str(problem), request_id, headers=problem.headers)
    except ChandleryError as error:
        answered = _problem_of(error, request_id)
    except Exception as error:  # noqa: BLE001  # whatever it is: the caller gets an answer, the log the reason
        _telemetry.failed(error, request_id)
        answered = _problem(500, "the service failed; its log tells more", request_id)
    answered["headers"]["X-Request-Id"] = request_id
    method, path = event["requestContext"]["http"]["method"], event.get("rawPath", "")
    seconds = time.perf_counter() - started
    _telemetry.answered(method, path, answered["statusCode"], seconds, request_id, cached=None, process=process)
    return answered


def _answer(event: Mapping[str, Any], connection: Callable[[], Connection]) -> dict[str, Any]:
    route, ids = _route_of(event)
    caller = _caller_of(event)
    at = datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC)
    asked = _asked(event, route)
    if route.method in ("PATCH", "DELETE"):
        asked["revision"] = _revision_wanted(event)
    found = _WORK[route.name](connection(), caller, at, **ids, **asked)
    if route.method == "DELETE":
        return _response(204, "", {})
    content = {route.many: list(found)} if route.many else _described(route, found)
    body = orjson.dumps(content, default=_written, option=_AS_ANSWERED).decode()
    headers = {"ETag": _tag(found, body), "Cache-Control": "private, no-cache"}
    if route.method == "GET" and not {headers["ETag"], "*"}.isdisjoint(_tags(event, "if-none-match")):
        return _response(304, "", headers)
    if route.method != "POST":
        return _response(200, body, headers)
    # A new one has the number that its list's path goes on with.
    number = next(iter(found.__dict__.values()))
    return _response(201, body, headers | {"Location": f"{event['rawPath'].rstrip('/')}/{number}"})


def _route_of(event: Mapping[str, Any]) -> tuple[Route, dict[str, int]]:
    path, method = event.get("rawPath", ""), event["requestContext"]["http"]["method"]
    there = routes_at(path)
    if not there:
        raise Unacceptable(404, "there is nothing at this path; /docs tells what there is")
    methods = ", ".join(route.method for route, _ in there)
    for route, ids in there:
        if route.method == method:
            return route, ids
    raise Unacceptable(405, f"this path takes {methods}", {"Allow": methods})


def _caller_of(event: Mapping[str, Any]) -> Caller:
    """Who API Gateway has let in; nothing that the caller himself wrote says so.

    Raises:
        Unacceptable: nobody.
    """
    authorizer = _under(event["requestContext"], "authorizer")
    claims = _under(authorizer, "jwt", "claims")
    # A token without a subject is nobody's, whatever else there is.
    user_id = claims.get("sub") if "jwt" in authorizer else _under(authorizer, "iam").get("userArn")
    names = (claims.get(name) for name in ("preferred_username", "username", "cognito:username"))
    email = claims.get("email")
    if not is_sayable(user_id):
        raise Unacceptable(401, "call with a token that names its subject, or with a signature")
    return Caller(user_id, next(filter(is_sayable, names), None), email if is_sayable(email) else None)


def _under(found: Any, *names: str) -> Mapping[str, Any]:
    """What stands under some names; nothing where something else does."""
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _asked(event: Mapping[str, Any], route: Route) -> dict[str, Any]:
    """What is asked for beside the path, as the use case takes it."""
    queries = {name: value for name, value in (event.get("queryStringParameters") or {}).items() if value != ""}
    wanted = {name: int(value) if re.fullmatch(r"[0-9]{1,10}", value) else value for name, value in queries.items()}
    try:
        read = fields.read(route.queries, wanted, is_new=True)
    except WrongField as error:
        raise Refused(error.field, f"{error.field} {error}") from None
    if route.name == "list_alerts":
        most = min(read.get("limit", MOST_ROWS), MOST_ROWS)
        return {"wanted": AlertsWanted(**{k: v for k, v in read.items() if k != "limit"}, most=most)}
    if route.name == "list_firings":
        return {"most": min(read.get("limit", MOST_ROWS), MOST_ROWS)}
    return {"said": _body(event)} if route.asks else {}


def _body(event: Mapping[str, Any]) -> object:
    # None that a page of another origin may send unasked.
    if gateway.content_type(event) not in ("application/json", "application/merge-patch+json"):
        raise Unacceptable(415, "send the body as application/json")
    try:
        sent = gateway.body_of(event)
        if len(sent) > _MOST_BYTES:
            raise Unacceptable(413, f"the body has {len(sent):,} bytes; {_MOST_BYTES:,} are the most")
        read: object = json.loads(sent.decode(), parse_float=Decimal, parse_constant=_refuse)
        # Half of a surrogate pair may be escaped, but is no character.
        json.dumps(read, default=str, ensure_ascii=False).encode()
    except (ValueError, ArithmeticError, RecursionError):
        raise Unacceptable(400, "the body is not JSON in UTF-8") from None
    return read


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def _revision_wanted(event: Mapping[str, Any]) -> int | None:
    """The revision that If-Match names; none where any will do, and one that nothing has where it is no tag of ours."""
    tags = _tags(event, "if-match")
    if not tags or "*" in tags:
        return None
    found = [re.fullmatch(r'"([0-9]{1,18})"', tag) for tag in tags]
    return int(found[0][1]) if len(found) == 1 and found[0] else -1


def _tags(event: Mapping[str, Any], header: str) -> set[str]:
    return {tag.strip() for tag in event.get("headers", {}).get(header, "").split(",")} - {""}


def _tag(found: object, body: str) -> str:
    revision = getattr(found, "revision", None)
    return f'"{revision}"' if revision is not None else f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'


def _described(route: Route, found: Any) -> object:
    if route.answers is UserAnswer:
        return {name: getattr(found, name) for name in UserAnswer.__dataclass_fields__}
    return found


def _written(value: object) -> object:
    # A number with all its digits, and never an exponent.
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    raise TypeError


def _problem_of(error: ChandleryError, request_id: str) -> dict[str, Any]:
    """What was raised on purpose: what the caller can put right is told; of what is wrong here only the log tells."""
    problem = partial(_problem, request_id=request_id)
    if status := next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), None):
        errors = [{"field": error.field, "detail": str(error)}] if isinstance(error, Refused) else None
        return problem(status, str(without_remedy(error.args[0])), errors=errors)
    _telemetry.refused(str(error), permanent=isinstance(error, Permanent), request_id=request_id)
    if isinstance(error, Retryable):
        detail = "the database could not do it now; try again later"
        return problem(503, detail, headers={"Retry-After": _RETRY_AFTER_SECONDS})
    if isinstance(error, WrongSchema):
        return problem(503, gateway.OTHER_REVISION)
    return problem(500, "the service is not set up as it must be; its log tells more")


def _problem(
    status: int, detail: str, request_id: str, *, errors: object = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    sent = {"Content-Type": gateway.PROBLEM, "Cache-Control": "no-store", **(headers or {})}
    return gateway.response(status, json.dumps(gateway.problem(status, detail, request_id, errors)), sent)


def _response(status: int, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
    kind = {"Content-Type": "application/json"} if body else {}
    return gateway.response(status, body, {**kind, **headers})
