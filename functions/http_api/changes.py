"""GET /api/v1/changes: what changed of each data set, for who polls."""

from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from chandlery.outbox.read_changes import read_changes

from .answering import plain
from .asking import MOST_KEYS, Key, Words, keys_of
from .problems import answers
from .sandbox import SANDBOX

router = Router()
# Each may name a thousand instruments: so many fit into what Lambda answers.
_MOST = 20


ConcernedKeys = Annotated[
    list[Key] | None,
    Query(
        max_length=MOST_KEYS,
        description=(
            "changes that name one of these instruments, or more than they name: these may be among them; separated by"
            " commas, may be repeated"
        ),
    ),
]


class ChangeAnswer(BaseModel):
    """What changed of a data set."""

    cursor: int
    published_at: datetime
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
    newest_cursor: int | None = Field(
        description="the last there is, of any data set or instrument: where to go on from after reading everything"
    )


@router.get(
    "/api/v1/changes",
    summary="Poll what changed since a cursor",
    description=(
        "Of each data set, where changes are published, in the order in which they became visible. Ask again with the"
        " last `cursor` as `after`: a change that is committed late has a later cursor, so none is missed."
    ),
    responses=answers(ChangesAnswer, 422, 500, 503),
    tags=["changes"],
)
def get_changes(
    after: Annotated[int, Query(ge=0, lt=2**63, description="changes after this cursor; 0: all")] = 0,
    dataset: Annotated[Words | None, Query(min_length=1, max_length=100, description="of this data set alone")] = None,
    instrument_keys: ConcernedKeys = None,
    limit: Annotated[int, Query(ge=1, le=_MOST, description="changes, at most")] = _MOST,
) -> Response[str]:
    """Answer changes."""
    keys = keys_of(instrument_keys) if instrument_keys else []
    page = SANDBOX.read(lambda connection: read_changes(connection, after, dataset=dataset, keys=keys, most=limit))
    found = [ChangeAnswer.model_validate(vars(each)) for each in page.changes]
    return plain(ChangesAnswer(changes=found, kept_from=page.kept_from, newest_cursor=page.newest))
