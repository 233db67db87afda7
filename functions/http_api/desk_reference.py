"""The OpenAPI document's account of users' watchlists and alerts, which API Gateway leads to DeskApi."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

from aws_lambda_powertools.event_handler.openapi.models import OpenAPI, PathItem, Schema

from chandlery.desk.domain.fields import MOST_NUMBER, Field, Type
from chandlery.desk.domain.routes import BEFORE, ROUTES, Route

from .problems import CONTENT_TYPE

_TAG = "desk"
_KINDS: Mapping[type, dict[str, Any]] = {
    int: {"type": "integer"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    Decimal: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
}
_PROBLEMS = {
    400: "The body cannot be read",
    401: "Nobody asks: the token names no subject",
    403: "The operator has switched the user off",
    404: "It is not there, or another user's, or the stack has no DeskSecretId",
    409: "It contradicts what is there",
    412: "It was changed since it was read: If-Match names another revision",
    413: "The body is too long",
    415: "The body is no JSON by its own word",
    422: "A field is missing, unknown or wrong",
    429: "Too much at once",
    500: "The service failed; its log tells more",
    503: "The database is away or busy; try again later",
}
_EXAMPLES = {
    "instrument_key": "NSE@NIFTY@INDEX",
    "colour": "#1f77b4",
    "name": "Morning",
    "expires_at": "2030-01-01T00:00:00Z",
    "level": 100,
    "side": "high",
}
_TAG_OF_REVISION = {"description": 'its revision, as in "3"', "schema": {"type": "string"}}


def add_desk(schema: OpenAPI) -> None:
    """Put the routes of the desk into the document."""
    if schema.paths is None or schema.components is None or schema.components.schemas is None:
        raise AssertionError("the document has no routes")
    answered = {route.answers for route in ROUTES if route.answers}
    schema.components.schemas |= {f"Desk{each.__name__}": Schema.model_validate(_of_answer(each)) for each in answered}
    for path in dict.fromkeys(route.path for route in ROUTES):
        operations = {route.method.lower(): _operation(route) for route in ROUTES if route.path == path}
        schema.paths[BEFORE + path] = PathItem.model_validate(operations)


def _operation(route: Route) -> dict[str, Any]:
    told: dict[str, Any] = {
        "tags": [_TAG],
        "summary": route.summary,
        "operationId": route.name,
        "description": "Of the caller alone: what is another user's is not there.",
        "parameters": [*_in_path(route.path), *_in_query(route.queries), *_in_headers(route)],
        "responses": {**_answers(route), **{status: _problem(said) for status, said in _PROBLEMS.items()}},
    }
    if route.asks:
        is_new = route.method == "POST"
        asked = _of_fields([field for field in route.asks if is_new or not field.is_fixed], is_new=is_new)
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": asked}}}
    return told


def _in_path(path: str) -> list[dict[str, Any]]:
    number = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
    return [{"name": n, "in": "path", "required": True, "schema": number} for n in re.findall(r"\{(\w+)\}", path)]


def _in_query(queries: Iterable[Field]) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "in": "query", "description": each.says, "schema": _kinds_of(each)[0]} for each in queries
    ]


def _in_headers(route: Route) -> list[dict[str, Any]]:
    if route.method not in ("PATCH", "DELETE"):
        return []
    said = 'only if it is still of this revision, as its ETag told: "3"'
    return [{"name": "If-Match", "in": "header", "description": said, "schema": {"type": "string"}}]


def _answers(route: Route) -> dict[int, Any]:
    if route.answers is None:
        return {204: {"description": "It is gone"}}
    one = {"$ref": f"#/components/schemas/Desk{route.answers.__name__}"}
    many = {
        "type": "object",
        "properties": {route.many: {"type": "array", "items": one}},
        "required": [route.many],
    }
    headers = {} if route.many else {"ETag": _TAG_OF_REVISION}
    content = {"application/json": {"schema": many if route.many else one}}
    if route.method == "POST":
        location = {"Location": {"description": "where it is now", "schema": {"type": "string"}}}
        return {201: {"description": "Created", "headers": headers | location, "content": content}}
    found = {200: {"description": "OK", "headers": headers, "content": content}}
    return found | ({304: {"description": "The caller has it already"}} if route.method == "GET" else {})


def _problem(said: str) -> dict[str, Any]:
    return {"description": said, "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _of_fields(asked: Sequence[Field], *, is_new: bool) -> dict[str, Any]:
    required = [field.name for field in asked if is_new and field.is_required]
    return {
        "type": "object",
        "properties": {field.name: _of_field(field) for field in asked},
        "additionalProperties": False,
        **({"required": required} if required else {}),
        **({} if is_new else {"minProperties": 1}),
    }


def _of_field(field: Field) -> dict[str, Any]:
    kinds = _kinds_of(field) + ([{"type": "null"}] if field.is_nullable and not field.is_required else [])
    told = {"description": field.says, **(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})}
    return told | ({"examples": [_EXAMPLES[field.name]]} if field.name in _EXAMPLES else {})


def _kinds_of(field: Field) -> list[dict[str, Any]]:
    if field.type == Type.TIME:
        return [{"type": "string", "format": "date-time"}]
    if field.type == Type.WHOLE:
        return [{"type": "integer", "minimum": 0, "maximum": 2**31 - 1}]
    if field.type == Type.NUMBER:
        # As a text it keeps all its digits, whatever reads JSON on its way.
        text = {"type": "string", "pattern": r"^-?[0-9]{1,20}(\.[0-9]{1,20})?$"}
        return [{"type": "number", "minimum": -MOST_NUMBER, "maximum": MOST_NUMBER}, text]
    if field.choices:
        return [{"type": "string", "enum": [*field.choices]}]
    if field.type == Type.TEXT:
        pattern = f"^{field.pattern}$" if field.pattern else r"[!-~]"
        return [{"type": "string", "minLength": 1, "maxLength": field.most, "pattern": pattern}]
    return [{"type": str(field.type)}]


def _of_answer(model: type) -> dict[str, Any]:
    hints = get_type_hints(model)
    names = [each.name for each in fields(model)]
    return {
        "type": "object",
        "description": (model.__doc__ or "").partition("\n")[0],
        "properties": {name: _of_hint(hints[name]) for name in names},
        "required": names,
    }


def _of_hint(hint: Any) -> dict[str, Any]:
    if isinstance(hint, UnionType):
        (kind,) = [each for each in get_args(hint) if each is not NoneType]
        return {"anyOf": [_of_hint(kind), {"type": "null"}]}
    if issubclass(hint, StrEnum):
        return {"type": "string", "enum": [*hint]}
    return _KINDS[hint]
