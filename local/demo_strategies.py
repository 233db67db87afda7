"""The demo's strategies: the rules of `sql/signals.example.toml` over made-up weeks, then over a day that is live."""

import csv
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random

from psycopg import Connection

from chandlery.gaps.import_candles import import_candles
from chandlery.indicators.process_history import process_history
from chandlery.platform.settings import read_settings
from chandlery.platform.statements import SQL
from chandlery.reference.store import instruments, sessions
from chandlery.signals.kept_set import with_rules
from chandlery.signals.process_signals import SignalReport, process_signals
from chandlery.signals.signal_rules import read_rules
from chandlery.words.window import DAY, MINUTE
from local import calendars
from local.lots import checked_candle_lots

KEY, RULES = "DEMO@COIN@SPOT", SQL / "signals.example.toml"
# An average of twenty days is to be known before the day that is live.
_DAYS, _EVERY = 21, 5 * MINUTE
_COLUMNS = ("time", "open", "high", "low", "close", "volume")


class Coin:
    """An instrument that trades around the clock, a minute in five, by a walk whose drift turns: the same each time."""

    def __init__(self, connection: Connection, folder: Path, at: datetime) -> None:
        self._connection, self._path, self._time = connection, folder / "coin.csv", at - _DAYS * DAY
        self._random, self._price, self._drift = Random(59), 100.0, 0.0  # noqa: S311  # prices need no secrecy
        sessions.replace(connection, calendars.from_library("24/7", self._time.date(), (at + 7 * DAY).date()))
        instruments.add(connection, KEY, "24/7", "demo")
        self._id = instruments.find(connection, KEY).instrument_id

    def trade(self, ends: datetime) -> int:
        """Import its candles up to a moment; returns how many."""
        with self._path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(self._candles(ends))
        with checked_candle_lots(self._path, latest=ends - MINUTE) as lots:
            return import_candles(self._connection, self._id, lots).read

    def _candles(self, ends: datetime) -> Iterator[tuple[str, float, float, float, float, int]]:
        gauss = self._random.gauss
        while self._time < ends:
            self._drift = gauss(0, 0.02) if self._random.random() < 0.03 else self._drift
            was, self._price = self._price, max(self._price + self._drift + gauss(0, 0.08), 1)
            low, high = min(was, self._price) - abs(gauss(0, 0.03)), max(was, self._price) + abs(gauss(0, 0.03))
            prices = (round(each, 2) for each in (was, high, low, self._price))
            yield (self._time.isoformat(), *prices, self._random.randint(1, 500))  # type: ignore[misc]
            self._time += _EVERY


def process(connection: Connection, at: datetime) -> SignalReport:
    """What the signal processor does, with the rules of the example in place of a desk's own."""
    rules, settings = read_rules(RULES), read_settings()
    compute = partial(
        process_history,
        connection,
        at,
        wanted=with_rules({}, rules),
        most_marks=settings.history_stale_marks,
        piece_hours=settings.indicator_piece_hours,
        has_time=lambda _: True,
    )
    return process_signals(
        connection,
        at,
        rules=rules,
        compute=compute,
        piece_instruments=settings.signal_piece_instruments,
        fill_rows=settings.signal_fill_rows,
        has_time=lambda: True,
    )
