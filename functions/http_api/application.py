"""The application: Powertools' resolver, what every request goes through, and errors as answers."""

import base64
import binascii
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote, unquote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError
from aws_lambda_powertools.event_handler.openapi.models import OpenAPI

from chandlery.platform.component import LambdaContext, memory_of
from chandlery.platform.errors import ChandleryError, Permanent, Refused
from chandlery.platform.request_telemetry import RequestTelemetry
from chandlery.platform.telemetry import ProcessUse

from .accepting import preferred
from .asking import dimensions_of
from .encoding import encode
from .problems import problem, problem_of, problem_of_content_type, problem_of_fields, read_json
from .sandbox import COMPONENT, SANDBOX
from .understanding import Understanding


class _Application(APIGatewayHttpResolver):
    """Powertools' resolver: its document tells of every indicator and data set; the same words are validated once."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        self._request_validation_middleware = Understanding()

    def get_openapi_schema(self, **words: Any) -> OpenAPI:
        """The document."""
        # Imported here: numpy and TA-Lib come with it, which only whoever asks for the document need wait for.
        from .data_reference import add_datasets
        from .reference import add_indicators

        schema = self.outline(**words)
        add_indicators(schema, "/api/v1/compute", "IndicatorRequest")
        add_datasets(schema, "/api/v1/data/{dataset}/{instrument_key}")
        return schema

    def outline(self, **words: Any) -> OpenAPI:
        """The document, but for indicators, and with one route for all data sets that are read."""
        # Imported here: a request that finds its route need not wait for it.
        from .desk_reference import add_desk
        from .record_reference import add_records
        from .signal_reference import add_signals

        schema = super().get_openapi_schema(**words)
        add_records(schema)
        add_desk(schema)
        add_signals(schema)
        return schema


app = _Application(enable_validation=True, json_body_deserializer=read_json)
telemetry = RequestTelemetry(COMPONENT)

# Left of the time Lambda gives, to say that the database did not answer; and what warming up may take of it.
_TO_ANSWER_SECONDS, _WARM_UP_SECONDS = 2.0, 10.0
# Where a path has an instrument's key, which may have a slash of its own: BINANCE@BTC/USDT@SPOT.
_KEYED = re.compile(
    r"(?P<before>/api/v1/(?:candles|instruments|options|sentiment|flows|data/[^/@]+)/)(?P<key>.+@.+@[^/]+)"
    r"(?P<after>/(?:latest|statistics|holes|explain|expiries|chain|strikes|strike-history|moneyness-series|expiry-metrics))?/?"
)
_SHOWN = 60  # characters of a wrong name that its refusal repeats
_TITLE, _VERSION = "Chandlery", "1"
_DESCRIPTION = (
    "Candles of a trading desk, indicators on demand, and whether all is well. Times are ISO 8601 with an offset, and"
    " are answered in UTC; prices and volumes are numbers. Errors are problem details (RFC 9457)."
)


def answer(event: dict[str, Any], context: LambdaContext, warm_up: Callable[[datetime], None] | None) -> dict[str, Any]:
    """Answer one request: API Gateway's event, payload format 2.0, in; its response out.

    Args:
        event: the request.
        context: Lambda's.
        warm_up: what to do before, of which nothing depends: what goes wrong there is told to the log alone.
    """
    started, process = time.perf_counter(), ProcessUse(memory_of(context))
    request_id = event.get("requestContext", {}).get("requestId") or context.aws_request_id
    seconds = context.get_remaining_time_in_millis() / 1000 - _TO_ANSWER_SECONDS
    if warm_up is not None:
        SANDBOX.stop_after(min(seconds / 2, _WARM_UP_SECONDS))
        _warm_up(event, warm_up, request_id)
    SANDBOX.stop_after(seconds - (time.perf_counter() - started))
    answered = _resolve(event, context, request_id)
    answered["headers"].setdefault("X-Request-Id", request_id)
    encode(answered, event.get("headers", {}))
    telemetry.answered(
        event.get("requestContext", {}).get("http", {}).get("method", "?"),
        event.get("rawPath", ""),
        answered["statusCode"],
        time.perf_counter() - started,
        request_id,
        cached=answered["headers"].get("X-Cache"),
        process=process,
    )
    return answered


def _warm_up(event: dict[str, Any], warm_up: Callable[[datetime], None], request_id: str) -> None:
    try:
        warm_up(moment_asked(event))
    except ChandleryError as error:
        telemetry.refused(f"warm-up: {error}", permanent=isinstance(error, Permanent), request_id=request_id)
    except Exception as error:  # noqa: BLE001  # the request itself will tell its caller
        telemetry.failed(error, request_id)


def _resolve(event: dict[str, Any], context: LambdaContext, request_id: str) -> dict[str, Any]:
    try:
        app.append_context(request_id=request_id, asked_at=moment_asked(event))
        refused = _refused_body(event, request_id)
        return refused or app.resolve(_as_routed(event), context)  # type: ignore[arg-type]  # Powertools wants its own class
    except ChandleryError as error:
        return _plain(_on_purpose(error))
    except Exception as error:  # noqa: BLE001  # whatever it is: the caller gets an answer, the log the reason
        telemetry.failed(error, request_id)
        return _plain(problem(500, "the service failed; its log tells more", request_id))


def _as_routed(event: dict[str, Any]) -> dict[str, Any]:
    """The event as routes know it.

    The key in its path is percent-encoded, whether or not API Gateway decoded it: a route matches no slash. A HEAD is a
    GET, of whose answer the gateway, or the server, sends the head alone. A slash at the end says nothing.
    """
    path, context = event["rawPath"], event["requestContext"]
    if found := _KEYED.fullmatch(path):
        path = f"{found[1]}{quote(unquote(found[2]), safe='')}{found[3] or ''}"
    path = path.rstrip("/") or "/"
    method = context["http"]["method"]
    http = context["http"] | {"path": path, "method": "GET" if method == "HEAD" else method}
    return event | {"rawPath": path, "requestContext": context | {"http": http}}


def _plain(response: Response[str]) -> dict[str, Any]:
    """The response as API Gateway takes it, where no route was come to."""
    return {
        "statusCode": response.status_code,
        "headers": {key: str(value) for key, value in response.headers.items()},
        "body": response.body,
        "isBase64Encoded": False,
        "cookies": [],
    }


def _refused_body(event: dict[str, Any], request_id: str) -> dict[str, Any] | None:
    """An answer for a body that is too long or not text; before anything is made of it."""
    body, most = event.get("body") or "", SANDBOX.settings.api_most_body_bytes
    try:
        sent = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        if len(sent) > most:
            return _plain(problem(413, f"the body has {len(sent):,} bytes; {most:,} are the most", request_id))
        sent.decode()
    except (binascii.Error, UnicodeError):
        return _plain(problem(400, "the body is not text in UTF-8", request_id))
    kind = event.get("headers", {}).get("content-type", "").partition(";")[0].strip().lower()
    method = event.get("requestContext", {}).get("http", {}).get("method")
    if sent and method == "POST" and kind not in ("", "application/json"):
        # Before anybody tries to read it: a form without a boundary cannot be.
        return _plain(problem(415, "send the body as application/json", request_id))
    return None


def request_id() -> str:
    """The id of the request at hand."""
    return str(app.context.get("request_id"))


def asked_at() -> datetime:
    """When the request at hand was made, UTC: its only clock."""
    at = app.context["asked_at"]
    assert isinstance(at, datetime)  # noqa: S101  # _resolve put it there
    return at


def moment_asked(event: Mapping[str, Any]) -> datetime:
    """When API Gateway took a request, UTC."""
    return datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC)


@app.exception_handler(ChandleryError)
def _on_purpose(error: ChandleryError) -> Response[str]:
    answered = problem_of(error, request_id())
    if answered.status_code >= 500:
        telemetry.refused(str(error), permanent=isinstance(error, Permanent), request_id=request_id())
    return answered


@app.exception_handler(RequestValidationError)
def _wrong_fields(error: RequestValidationError) -> Response[str]:
    return problem_of_fields(error, request_id())


@app.exception_handler(RequestUnsupportedContentType)
def _wrong_content_type(error: RequestUnsupportedContentType) -> Response[str]:
    return problem_of_content_type(error, request_id())


class _NotAcceptable(Exception):
    """The caller takes none of the types that a route answers with."""


@app.exception_handler(_NotAcceptable)
def _not_acceptable(error: _NotAcceptable) -> Response[str]:
    return problem(406, str(error), request_id())


def _refuse_other_types(resolver: _Application, following: NextMiddleware) -> Any:
    """Refuse a caller that takes no type of the route's, rather than send it another."""
    route = resolver.context["_route"]
    offered = list(route.responses[200].get("content", ())) if route.tags else []
    if offered and preferred(offered, resolver.current_event.headers.get("accept", "")) is None:
        raise _NotAcceptable(f"this is answered as {' or '.join(offered)}: name one of them in Accept, or */*")
    return following(resolver)


def _refuse_unknown(resolver: _Application, following: NextMiddleware) -> Any:
    """Refuse queries that nobody reads: a misspelt one would be left out without a word."""
    route = resolver.context["_route"]
    arguments = resolver.context.get("_route_args", {})
    known = {field.alias for field in route.dependant.query_params} | {*dimensions_of(arguments.get("dataset"))}
    # A caller may sign its request in the query.
    given = [name for name in resolver.current_event.query_string_parameters or () if not name.startswith("X-Amz-")]
    unknown = [name for name in given if name not in known]
    # What has no tag is Powertools' own: the page at /docs, and what it calls when no route is found.
    if unknown and route.tags:
        there = ", ".join(sorted(known)) or "none"
        raise Refused(unknown[0][:_SHOWN], f"there is no parameter {unknown[0][:_SHOWN]}; there are: {there}")
    return following(resolver)


app.use(middlewares=[_refuse_other_types, _refuse_unknown])


@app.not_found
def _no_route(_error: NotFoundError) -> Response[str]:
    path, method = app.current_event.path, app.current_event.http_method.upper()
    methods = sorted({allowed for rule, of_it in _paths().items() if re.fullmatch(rule, path) for allowed in of_it})
    if "GET" in methods:
        methods = ["GET", "HEAD", *methods[1:]]
    if methods and method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": ", ".join(methods)}, body="")
    if methods and method not in methods:
        return problem(405, f"{path} takes {' or '.join(methods)}", request_id(), headers={"Allow": ", ".join(methods)})
    return problem(404, f"there is nothing at {path}; /docs tells what there is", request_id())


@cache
def _paths() -> Mapping[str, frozenset[str]]:
    """Every path of OpenAPI as an expression, and its methods."""
    schema = app.outline()
    return {
        re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)): frozenset(
            method.upper() for method in ("get", "post", "patch", "delete") if getattr(item, method)
        )
        for path, item in (schema.paths or {}).items()
    }


def document() -> None:
    """Give the OpenAPI document its words, and a page that shows it at /docs."""
    app.configure_openapi(title=_TITLE, version=_VERSION, description=_DESCRIPTION)
    app.enable_swagger(path="/docs", title=_TITLE, version=_VERSION, description=_DESCRIPTION)
