"""Choose the timeframe to read a stretch of time by."""

from psycopg import Connection

from chandlery.reading.store import candle_pages
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.timeframe import ENOUGH, Timeframe, choose_timeframe
from chandlery.words.window import Window


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
