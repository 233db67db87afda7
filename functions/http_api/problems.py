"""Errors as answers: problem details (RFC 9457) with a request id; no SQL, path or secret ever leaves."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from pydantic import BaseModel, Field

from chandlery.platform.errors import ChandleryError, NotFound, Refused, Retryable, WrongSchema
from chandlery.platform.gateway import OTHER_REVISION, PROBLEM
from chandlery.words.complaint import complaint
from chandlery.words.remark import without_remedy

CONTENT_TYPE = PROBLEM
_RETRY_AFTER_SECONDS = 5
_MOST, _SHOWN = 20, 100  # fields told of, and characters of a field's name


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str = Field(description="where: `limit`, `indicators.0.parameters.timeperiod`")
    detail: str = Field(description="what is wrong with it")


class Problem(BaseModel):
    """Problem details as RFC 9457 has them."""

    type: str = Field("about:blank", description="nothing more than the status")
    title: str = Field(description="the status in words")
    status: int = Field(description="the HTTP status", ge=400, le=599)
    detail: str = Field(description="what was wrong, and what to do")
    request_id: str = Field(description="under this id the service's log tells more")
    errors: list[FieldProblem] | None = Field(None, description="the fields that are wrong")


def documented(*statuses: int) -> dict[int, OpenAPIResponse]:
    """The problems a route may answer with, for OpenAPI."""
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {CONTENT_TYPE: {"model": Problem}}}
        for status in statuses
    }


def answers(model: type[BaseModel], *statuses: int) -> dict[int, OpenAPIResponse]:
    """What a GET answers with, for OpenAPI: a model, nothing where the caller has it already, and problems."""
    return {
        200: {"description": "OK", "content": {"application/json": {"model": model}}},
        304: {"description": "The caller has it already"},
        **documented(406, *statuses),
    }


def problem(
    status: int,
    detail: str,
    request_id: str,
    *,
    errors: Sequence[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[str]:
    """An answer that tells of a problem."""
    body = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=request_id,
        errors=list(errors) if errors else None,
    )
    return Response(
        status_code=status,
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
        body=body.model_dump_json(exclude_none=True),
    )


def problem_of(error: ChandleryError, request_id: str) -> Response[str]:
    """An answer for what was raised on purpose.

    What the caller can put right is told; of what is wrong with the service itself only the log tells.
    """
    if isinstance(error, NotFound):
        return problem(404, without_remedy(error.args[0]), request_id)
    if isinstance(error, Refused):
        return problem(422, str(error), request_id, errors=[FieldProblem(field=error.field, detail=str(error))])
    if isinstance(error, Retryable):
        return problem(
            503,
            "the database could not answer now, or not in time; try again later, or ask for less",
            request_id,
            headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
        )
    if isinstance(error, WrongSchema):
        return problem(503, OTHER_REVISION, request_id)
    return problem(500, "the service is not set up as it must be; its log tells more", request_id)


def problem_of_fields(error: RequestValidationError, request_id: str) -> Response[str]:
    """An answer for a request whose fields do not fit what OpenAPI documents."""
    found = error.errors()
    broken = next((each for each in found if each["type"] == "json_invalid"), None)
    if broken is not None:
        said = f"the body is not JSON: {broken.get('ctx', {}).get('error') or 'it cannot be read'}"
        return problem(400, said, request_id, errors=[FieldProblem(field="body", detail=said)])
    errors = [FieldProblem(field=_place(each["loc"])[:_SHOWN], detail=complaint(each)) for each in found[:_MOST]]
    if len(found) > _MOST:
        errors.append(FieldProblem(field=errors[-1].field, detail=f"and {len(found) - _MOST:,} more like these"))
    return problem(422, "; ".join(f"{each.field}: {each.detail}" for each in errors[:3]), request_id, errors=errors)


def problem_of_content_type(_error: RequestUnsupportedContentType, request_id: str) -> Response[str]:
    """An answer for a body that is not JSON by its own word."""
    return problem(415, "send the body as application/json", request_id)


def _place(location: Sequence[Any]) -> str:
    # The first part says where it stood: body, query, path; the name alone is clear enough.
    parts = [str(part) for part in location]
    return (
        ".".join(parts[1:] if len(parts) > 1 and parts[0] in ("body", "query", "path", "header") else parts) or "body"
    )


def read_json(text: str) -> Any:
    """JSON as the standard has it: no NaN, no infinity, no depth or length of digits that would break the reader.

    Raises:
        json.JSONDecodeError: it is none.
    """
    try:
        read = json.loads(text, parse_constant=_refuse)
        if "\\ud" in text.lower():
            # Half of a surrogate pair may be escaped, but is no character: nobody could be told of it again.
            json.dumps(read, ensure_ascii=False).encode()
    except (RecursionError, UnicodeError):
        raise json.JSONDecodeError("too deep, or not text", "", 0) from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        # Python's own words on numbers of thousands of digits tell of its settings.
        raise json.JSONDecodeError(
            str(error) if "digits" not in str(error) else "a number is too long", "", 0
        ) from None
    return read


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
