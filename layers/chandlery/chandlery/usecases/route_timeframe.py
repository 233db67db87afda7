"""Choose the timeframe to read a stretch of time by."""

from psycopg import Connection

from chandlery.domain.instrument import Instrument
from chandlery.domain.timeframe import ENOUGH, Timeframe, choose_timeframe
from chandlery.domain.window import Window
from chandlery.store import candle_pages


def route_timeframe(connection: Connection, instrument: Instrument, window: Window) -> Timeframe:
    """The coarsest timeframe of which an instrument has 200 candles or more that start in a window.

    Where none has so many, the one that has most, of equals the finest.

    Args:
        connection: in autocommit mode; nothing is written.
        instrument: whose candles.
        window: the stretch.

    Raises:
        Retryable, Permanent: from the database.
    """
    return choose_timeframe(candle_pages.count_points(connection, instrument.instrument_id, window, ENOUGH))
