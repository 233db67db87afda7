"""Pages of candles as JSON that the database writes: with every digit, and without objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection

from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.statements import statement
from chandlery.reading.store.candle_pages import OF_ONE, Selection, ask_of_one, read_near
from chandlery.words.timeframe import Timeframe

_WRITTEN = (("head", "'{'"), ("position", "c.time"), ("ordered", "c.time"), *OF_ONE)


@dataclass(frozen=True)
class WrittenCandles:
    """Candles as JSON, and where the first two and the last two stand: their times, or what else orders them."""

    texts: Sequence[str] = ()
    firsts: Sequence[Any] = ()
    lasts: Sequence[Any] = ()

    def __len__(self) -> int:
        """How many candles."""
        return len(self.texts)


def write_page(
    connection: Connection, instrument_id: int, timeframe: Timeframe, selection: Selection, *, as_text: bool = False
) -> WrittenCandles:
    """An instrument's stored candles of a selection, in order; prices and volumes are numbers, or text."""
    return read_near(
        timeframe, selection, lambda near: _write(connection, instrument_id, timeframe, near, as_text=as_text)
    )


def _write(
    connection: Connection, instrument_id: int, timeframe: Timeframe, selection: Selection, *, as_text: bool
) -> WrittenCandles:
    asked = ask_of_one(connection, instrument_id, timeframe, selection)
    if asked is None:
        return WrittenCandles()
    return write(connection, asked.query, asked.relation, _WRITTEN, asked.values, as_text=as_text)


def write(
    connection: Connection,
    page: str,
    relation: LiteralString,
    lists: tuple[tuple[str, str], ...],
    values: Mapping[str, Any],
    *,
    as_text: bool,
) -> WrittenCandles:
    """What a query reads, as JSON; `lists` as of `statement`."""
    text = statement("write_page_json", relation, page, lists)
    with psycopg_errors_translated():
        row = connection.execute(text, {**values, "quote": '"' if as_text else ""}).fetchone()
    return WrittenCandles(row[0].split("\n"), row[1], row[2]) if row else WrittenCandles()
