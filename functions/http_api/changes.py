"""GET /api/v1/changes: what changed of each data set, for who polls."""

from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from chandlery.outbox.read_changes import read_changes

from .answering import plain
from .asking import Words
from .problems import answers
from .sandbox import SANDBOX

router = Router()
# Each may name a thousand instruments: so many fit into what Lambda answers.
_MOST = 20


class ChangeAnswer(BaseModel):
    """What changed of a data set."""

    cursor: int
    told_at: datetime
    dataset: str
    kinds: list[str] = Field(description="new, revised, healed, deleted")
    timeframes: list[str] = Field(description="empty where rows have none")
    starts: datetime
    ends: datetime
    instrument_count: int | None = Field(description="null: a stretch of all instruments went")
    instruments: list[str] = Field(description="the first of them, by key")


class ChangesAnswer(BaseModel):
    """What changed, in the order in which changes became visible."""

    changes: list[ChangeAnswer]
    kept_from: int | None = Field(
        description="the first cursor kept; above `after`, some may be gone: read everything again. Null: none is kept"
    )


@router.get(
    "/api/v1/changes",
    summary="What changed",
    description="Of each data set, where that is told. Ask again with the last `cursor` as `after`.",
    responses=answers(ChangesAnswer, 422, 500, 503),
    tags=["changes"],
)
def get_changes(
    after: Annotated[int, Query(ge=0, lt=2**63, description="what was told after this cursor; 0: all")] = 0,
    dataset: Annotated[Words | None, Query(min_length=1, max_length=100, description="of this data set alone")] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST, description="changes, at most")] = _MOST,
) -> Response[str]:
    """Answer changes."""
    page = SANDBOX.read(lambda connection: read_changes(connection, after, dataset=dataset, most=limit))
    found = [ChangeAnswer.model_validate(vars(each)) for each in page.changes]
    return plain(ChangesAnswer(changes=found, kept_from=page.kept_from))
