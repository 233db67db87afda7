"""What expiries come to at moments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.options.domain.metrics import ExpiryMetrics
from chandlery.platform.connection import transaction
from chandlery.platform.statements import read_rows, run, run_on
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window


def read_expiry_metrics(
    connection: Connection,
    underlying_id: int,
    moments: Sequence[datetime],
    expires_at: Sequence[datetime] | None = None,
) -> Sequence[ExpiryMetrics]:
    """What each expiry that has not passed, or each of some, comes to, by moment."""
    times = None if expires_at is None else list(expires_at)
    given: dict[str, Any] = {"underlying_id": underlying_id, "moments": list(moments), "expires_at": times}
    with transaction(connection):
        # Bounds exclude chunks as it is planned: to exclude them again at each probe costs more than the probe.
        run(connection, "set_chunk_exclusion", setting="off")
        return read_rows(connection, ExpiryMetrics, "read_expiry_metrics", **given)


def list_moments(
    connection: Connection, underlying_id: int, timeframe: Timeframe, window: Window, *, backward: bool, most: int
) -> Sequence[datetime]:
    """The ends of the first buckets in a window, or the newest, that have a candle of any strike; in order."""
    found = run_on(
        connection,
        STRIKE_CANDLES.relation(timeframe),
        "list_option_moments",
        underlying_id=underlying_id,
        width=timeframe.width,
        starts=window.starts,
        ends=window.ends,
        backward=backward,
        most=most,
    )
    return [moment for (moment,) in found]
