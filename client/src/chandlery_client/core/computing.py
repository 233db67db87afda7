"""The body of a request for indicators."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from chandlery_client.errors import BadArgument

from .asking import instant


def compute_body(
    key: str, indicators: Sequence[str | Mapping[str, Any]], *, from_: datetime | None, to: datetime | None, **said: Any
) -> bytes:
    """The body, as JSON; times in parameters are aware.

    Raises:
        BadArgument: no indicator is named.
        NaiveTime: a time has no offset.
    """
    if isinstance(indicators, str) or not indicators:
        raise BadArgument('indicators: give a list of names: ["rsi"]')
    body = {
        "instrument_key": key,
        "from": None if from_ is None else instant(from_, "from_"),
        "to": None if to is None else instant(to, "to"),
        **said,
        "numbers": "text",
        "indicators": [{"name": each} if isinstance(each, str) else _written(each) for each in indicators],
    }
    return msgspec.json.encode({name: value for name, value in body.items() if value is not None})


def _written(indicator: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = {
        name: instant(value, name) if isinstance(value, datetime) else value
        for name, value in dict(indicator.get("parameters", {})).items()
    }
    return {**indicator, "parameters": parameters}
