"""Ticks that come in as time passes."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from random import Random

from psycopg import Connection

from chandlery.words.window import floor_minute
from local import demo_feed


class LiveFeed:
    """Made-up ticks of one instrument, each inserted when its time has come."""

    def __init__(self, instrument_id: int) -> None:
        self._instrument_id = instrument_id
        self._random = Random(20)  # noqa: S311  # made-up prices need no secrecy
        self._minute: datetime | None = None
        self._waiting: Sequence[demo_feed.Tick] = ()
        self._price = Decimal("101.50")

    def send_until(self, connection: Connection, now: datetime) -> None:
        """Insert what is due; what could not be inserted stays due."""
        due = [tick for tick in self._waiting if tick.time <= now]
        if due:
            demo_feed.insert(connection, self._instrument_id, due)
        self._waiting = self._waiting[len(due) :]
        if self._minute != floor_minute(now):
            self._minute = floor_minute(now)
            self._waiting = demo_feed.minute_of_ticks(self._random, self._minute, self._price)
            self._price = self._waiting[-1].price
