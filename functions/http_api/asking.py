"""What requests have in common: times, keys, timeframes, and what is asked for by them."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.platform.domain.limits import PAGE_ROWS
from chandlery.platform.errors import Refused
from chandlery.words.counting import spell
from chandlery.words.hours import Hours
from chandlery.words.timeframe import AUTO, Timeframe
from chandlery.words.window import EARLIEST, LATEST, floor_minute

MOST_KEYS = 100
# A comma may stand in a key, but in none's type; so one in a symbol is told from the next that separates two keys.
_LISTED = re.compile(r"([^@]+@[^@]+@[^@,]+)(?:,|$)")
_TIME, _DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d"), re.compile(r"\d{4}-\d{2}-\d{2}")


def _plausible(moment: datetime) -> datetime:
    # Compared as instants, which no overflow at the ends of years can break.
    if not EARLIEST < moment < LATEST:
        raise ValueError("must be a time of the years 1900 to 2199")
    return moment


def _written(text: Any) -> Any:
    # A number would be taken for seconds since 1970, or milliseconds, by its size.
    if isinstance(text, datetime | None):
        return text
    if isinstance(text, str) and _DATE.fullmatch(text):
        return f"{text}T00:00:00Z"
    if not isinstance(text, str) or not _TIME.match(text):
        raise ValueError("must be a time in ISO 8601 with an offset, such as 2026-03-02T09:15:00Z, or a date")
    # A blank is what a plus in an unescaped query becomes: 2026-03-02T10:00:00+01:00.
    return text.replace(" ", "+")


def _dated(text: Any) -> Any:
    if isinstance(text, date | None) or (isinstance(text, str) and _DATE.fullmatch(text)):
        return text
    raise ValueError("must be a date in ISO 8601, such as 2026-03-02")


def _sayable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not have the character NUL")
    return text


def _timeframe(text: Any) -> Any:
    return Timeframe.parse(text) if isinstance(text, str) else text


def _timeframe_or_auto(text: Any) -> Any:
    return str(_timeframe(text)) if isinstance(text, str) and text != AUTO else text


def _watched(name: str) -> str:
    watched(name)
    return name


def watched(name: str) -> Dataset:
    """The data set of a name, whose gaps are looked for.

    Raises:
        ValueError: there is none.
    """
    named = {each.name: each for each in declared.watched()}
    if name not in named:
        raise ValueError(f"must be one of {', '.join(named)}")
    return named[name]


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_written),
    AfterValidator(_plausible),
    Field(description="ISO 8601 with an offset; a date is its midnight in UTC", examples=["2026-03-02T09:15:00Z"]),
]
Day = Annotated[date, BeforeValidator(_dated)]
TimeframeName = Annotated[
    Timeframe,
    BeforeValidator(_timeframe),
    Field(
        description="1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w, 1mo (or 1M), or in words: 1minute, 5minutes, 1hour",
        json_schema_extra={"type": "string", "examples": ["5m", "1hour"]},
    ),
]
QueriedTimeframe = Annotated[TimeframeName, Query(json_schema_extra={"type": "string", "enum": [*map(str, Timeframe)]})]
TimeframeOrAuto = Annotated[
    str,
    BeforeValidator(_timeframe_or_auto),
    Field(
        description=(
            "1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w, 1mo (or 1M), or in words: 1minute, 5minutes, 1hour; auto, with `from`:"
            " the coarsest of which 200 candles or more start between `from` and `to`, else the one with most, of"
            " equals the finest"
        ),
        json_schema_extra={"enum": [*map(str, Timeframe), AUTO], "examples": ["5m", AUTO]},
    ),
]
SessionName = Annotated[
    Literal["all", "regular"],
    Field(
        description=(
            "regular: candles up to 4h of regular hours alone, folded from minutes, as far back as these are kept;"
            " longer ones are of regular hours in any case"
        )
    ),
]
AlignName = Annotated[
    Literal["clock", "session"],
    Field(
        description=(
            "session, with session=regular: buckets are counted from the session's open, and again from the end of its"
            " break; the minute of the closing auction lies in the last one"
        )
    ),
]
# The database takes no NUL in a text.
Words = Annotated[str, AfterValidator(_sayable)]
Key = Annotated[
    Words, Field(min_length=1, max_length=200, description="EXCHANGE@SYMBOL@TYPE", examples=["NSE@NIFTY@INDEX"])
]
# A path comes percent-encoded from the application, which finds the key in it.
PathKey = Annotated[Key, BeforeValidator(unquote)]
Keys = Annotated[
    list[Key],
    Query(min_length=1, max_length=MOST_KEYS, description="instruments, separated by commas; may be repeated"),
]
Feed = Annotated[Words | None, Query(min_length=1, max_length=100, description="of this feed's instruments alone")]
Calendar = Annotated[Words | None, Query(min_length=1, max_length=100, description="of this calendar alone")]
Prefix = Annotated[Words | None, Query(min_length=1, max_length=200, description="whose keys begin so")]
Limit = Annotated[int, Query(ge=1, le=PAGE_ROWS, description="rows in a page, at most")]
Cursor = Annotated[Words | None, Query(min_length=1, max_length=2000, description="next_cursor of the page before")]


DatasetName = Annotated[
    Words,
    AfterValidator(_watched),
    Query(
        description="the data set; an underlying's key asks for all of its expiries",
        json_schema_extra={"enum": [each.name for each in declared.watched()]},
    ),
]


def dimensions_of(dataset: str | None) -> Sequence[str]:
    """What rows of a data set can be chosen by, each a query of its name; nothing of one that is not shown."""
    return next((each.dimensions for each in declared.DATASETS if each.name == dataset and each.is_shown), ())


def keys_of(given: Sequence[str], field: str = "instrument_keys") -> list[str]:
    """The keys of a list, each once.

    Raises:
        Refused: a part of it is no key.
    """
    # A parameter that is repeated comes as a list as well: joined by commas, or as several.
    text = ",".join(given)
    keys = _LISTED.findall(text)
    if ",".join(keys) != text:
        raise Refused(field, f"{field} must be keys that read EXCHANGE@SYMBOL@TYPE, separated by commas")
    return list(dict.fromkeys(keys))


def hours_of(session: str, align: str) -> Hours:
    """What `session` and `align` ask for.

    Raises:
        Refused: they contradict each other.
    """
    try:
        return Hours.of(session, align)
    except ValueError as error:
        raise Refused("align", f"{error}: session=regular") from None


def moment_of(timeframe: Timeframe, hours: Hours, ends: datetime | None, at: datetime) -> datetime | None:
    """What tells questions apart whose answers say which buckets are closed; none where all in question long are."""
    if hours.are_folded(timeframe):
        return floor_minute(at)
    if ends is not None and ends <= at - timeframe.longest:
        return None
    return floor_minute(at) if timeframe.by_session else timeframe.floor_bucket(at)


def made_of(timeframe: Timeframe, hours: Hours) -> Timeframe:
    """Of which candles an answer is made: what is folded when read hangs on minutes alone."""
    return Timeframe.M1 if hours.are_folded(timeframe) else timeframe


def check_most(limit: int | None, most: int) -> None:
    """Refuse more candles than the operator allows.

    Raises:
        Refused: they are more.
    """
    if limit is not None and limit > most:
        raise Refused("limit", f"{spell(most, 'candle is', 'candles are')} the most")
