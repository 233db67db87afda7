"""The OpenAPI document's account of rows that are posted, which API Gateway leads to RecordApi."""

from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import OpenAPI, PathItem, Schema

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.ingest.domain.contract_members import CONTRACT_MEMBERS
from chandlery.ingest.domain.envelope import MEMBERS, MOST_BYTES, MOST_ROWS
from chandlery.ingest.domain.record_schema import name_of
from chandlery.ingest.domain.row_pattern import INSTRUMENT

from .problems import CONTENT_TYPE

_COUNTS = {
    "accepted": "rows that are stored: new and known",
    "new": "rows that were written",
    "known": "rows that say again what was stored",
    "bad": "rows that nobody can write",
    "conflicting": "rows that contradict what is stored, which stays",
    "cancelled": "stored rows that were taken back",
}
_ERRORS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"line": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "detail": {"type": "string"}},
        "required": ["line", "detail"],
    },
    "description": "what is wrong with rows, by their lines in the body; a thousand at most",
}
_TAKEN = {
    "type": "object",
    "properties": {
        **{name: {"type": "integer", "minimum": 0, "description": said} for name, said in _COUNTS.items()},
        "errors": _ERRORS,
        "request_id": {"type": "string"},
    },
    "required": [*_COUNTS, "errors", "request_id"],
}
_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what was wrong, and what to do"},
        "request_id": {"type": "string"},
        "errors": _ERRORS,
    },
    "required": ["type", "title", "status", "detail", "request_id"],
}
_PROBLEMS = {
    400: "The body cannot be read, or is of another data set",
    404: "Rows are not taken here: the stack's parameter ApiTakesRecords says so",
    413: f"More than {MOST_BYTES:,} bytes",
    415: "The body says that it is something else",
    422: "Every row is bad",
    429: "Too much at once; send the same again",
    500: "The service failed; its log tells more",
    503: "The database is away or locked; send the same again",
}
_LINES = {"type": "string", "description": "lines of JSON in UTF-8"}
_BYTES = {"type": "string", "format": "binary", "description": "the same, packed or not"}
_BODIES = {
    "application/x-ndjson": _LINES,
    "application/gzip": _BYTES,
    "application/octet-stream": _BYTES,
}


def add_records(schema: OpenAPI) -> None:
    """Put a route of each data set whose rows may be posted into the document."""
    if schema.paths is None or schema.components is None or schema.components.schemas is None:
        raise AssertionError("the document has no routes")
    schema.components.schemas |= {
        "RowsTaken": Schema.model_validate(_TAKEN),
        "RowProblem": Schema.model_validate(_PROBLEM),
    }
    for dataset in declared.sent():
        path = f"/api/v1/{dataset.name.replace('_', '-')}"
        schema.paths[path] = PathItem.model_validate({"post": _operation(dataset)})


def _operation(dataset: Dataset) -> dict[str, Any]:
    contract = f"; or of the underlying, with {', '.join(CONTRACT_MEMBERS)}" if dataset.is_of_contracts else ""
    return {
        "tags": ["records"],
        "summary": f"Send rows of {dataset.name}",
        "operationId": f"send_{dataset.name}",
        "description": (
            f"The first line is the header: {', '.join(MEMBERS)}. Each other line is a row: {INSTRUMENT} (its key"
            f"{contract}), {', '.join(dataset.said)}; `docs/schemas/{name_of(dataset)}` has the schema. The answer"
            " comes once the rows are committed; the same body again changes nothing. The most are"
            f" {MOST_ROWS:,} rows and {MOST_BYTES:,} bytes, unpacked."
        ),
        "requestBody": {"required": True, "content": {kind: {"schema": said} for kind, said in _BODIES.items()}},
        "responses": {
            202: _answered("Rows were taken", "application/json", "RowsTaken"),
            **{status: _answered(said, CONTENT_TYPE, "RowProblem") for status, said in _PROBLEMS.items()},
        },
    }


def _answered(said: str, kind: str, model: str) -> dict[str, Any]:
    return {"description": said, "content": {kind: {"schema": {"$ref": f"#/components/schemas/{model}"}}}}
