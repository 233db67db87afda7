"""The newest stored values, of all instruments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.platform.statements import read_rows


@dataclass(frozen=True)
class LatestIndicator:
    """The newest stored value of an indicator; `value_2` and `value_3` are None where it has fewer outputs."""

    instrument_id: int
    indicator_id: int
    instrument_key: str
    timeframe: str
    name: str
    parameters: Mapping[str, float]
    time: datetime
    value: float
    value_2: float | None
    value_3: float | None
    made_at: datetime


@dataclass(frozen=True)
class IndicatorChoice:
    """Which indicators: of one instrument, timeframe or name, or of any."""

    instrument_id: int | None = None
    timeframe: str | None = None
    named: str | None = None


def list_page(
    connection: Connection, choice: IndicatorChoice, after: tuple[int, int], most: int
) -> Sequence[LatestIndicator]:
    """Some of those chosen by instrument and indicator, at most so many, from after one of each on."""
    instrument, indicator = after
    values = {**vars(choice), "after_instrument": instrument, "after_indicator": indicator, "most": most}
    return read_rows(connection, LatestIndicator, "list_latest_indicators", **values)
