"""The OpenAPI document's account of signals that are posted, which API Gateway leads to RecordApi."""

from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import OpenAPI, Operation, Schema

from chandlery.signals.read_signals import MOST_SIGNALS, SentSignal

from .problems import CONTENT_TYPE

_PATH = "/api/v1/signals"
_REF = "#/components/schemas/{model}"
_ADDED = {
    "type": "object",
    "properties": {
        "new": {"type": "integer", "minimum": 0, "description": "signals that were written"},
        "known": {"type": "integer", "minimum": 0, "description": "signals that were there, the same in every field"},
        "ids": {"type": "array", "items": {"type": "integer"}, "description": "of each, in the order of the body"},
        "request_id": {"type": "string"},
    },
    "required": ["new", "known", "ids", "request_id"],
}
_ERROR = {
    "type": "object",
    "properties": {
        "number": {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "which signal of the body, from 1"},
        "field": {"type": "string"},
        "detail": {"type": "string"},
        "fields": {"type": "array", "items": {"type": "string"}, "description": "409: in which it differs"},
        "sent": {"type": "object", "description": "409: the signal that was sent"},
        "stored": {"type": "object", "description": "409: the signal that is stored, and stays"},
    },
    "required": ["number"],
}
_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what was wrong, and what to do"},
        "request_id": {"type": "string"},
        "errors": {"type": "array", "items": _ERROR},
    },
    "required": ["type", "title", "status", "detail", "request_id"],
}
_PROBLEMS = {
    400: "The body cannot be read",
    404: "Signals are not taken here: the stack's parameter ApiTakesRecords says so",
    409: "A signal was said otherwise before; nothing was written",
    413: "The body is too long",
    415: "The body is no JSON by its own word",
    422: "A signal is wrong; nothing was written",
    429: "Too much at once; send the same again",
    500: "The service failed; its log tells more",
    503: "The database is away or busy; send the same again",
}


def add_signals(schema: OpenAPI) -> None:
    """Put the POST of signals beside their GET."""
    if schema.paths is None or schema.components is None or schema.components.schemas is None:
        raise AssertionError("the document has no routes")
    sent = SentSignal.model_json_schema(ref_template=_REF)
    parts = {name: Schema.model_validate(part) for name, part in sent.pop("$defs", {}).items()}
    schema.components.schemas |= parts | {
        "SentSignal": Schema.model_validate(sent),
        "SignalsAdded": Schema.model_validate(_ADDED),
        "SignalProblem": Schema.model_validate(_PROBLEM),
    }
    schema.paths[_PATH].post = Operation.model_validate(_OPERATION)


def _answered(said: str, kind: str, model: str) -> dict[str, Any]:
    return {"description": said, "content": {kind: {"schema": {"$ref": _REF.format(model=model)}}}}


_SENT = {"$ref": _REF.format(model="SentSignal")}
_OPERATION = {
    "tags": ["signals", "records"],
    "summary": "Say what a strategy of your own sees",
    "operationId": "add_signals",
    "description": (
        f"One signal, or an array of at most {MOST_SIGNALS:,}: all are written, or none. A signal is said once, by its"
        " strategy, version, instrument, timeframe and time; the same again changes nothing, and nothing changes it."
    ),
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": [_SENT, {"type": "array", "items": _SENT, "minItems": 1, "maxItems": MOST_SIGNALS}]}
            }
        },
    },
    "responses": {
        200: _answered("All were known", "application/json", "SignalsAdded"),
        201: _answered("Some are new", "application/json", "SignalsAdded"),
        **{status: _answered(said, CONTENT_TYPE, "SignalProblem") for status, said in _PROBLEMS.items()},
    },
}
