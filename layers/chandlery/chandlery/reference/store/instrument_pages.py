"""Instruments a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from chandlery.platform.errors import NotFound
from chandlery.platform.statements import read_rows
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store.instruments import not_found


@dataclass(frozen=True)
class InstrumentEntry(Instrument):
    """An instrument and its exchange's time zone; tickers, and whether prices may lie below zero, are not read."""

    time_zone: str = "UTC"


def list_page(
    connection: Connection, *, feed: str, calendar: str, prefix: str, after: str, most: int
) -> Sequence[InstrumentEntry]:
    """Instruments by key after `after`; of any feed, calendar or prefix where empty."""
    values: dict[str, Any] = {"feed": feed, "calendar": calendar, "prefix": prefix, "after": after, "most": most}
    return read_rows(connection, InstrumentEntry, "list_instrument_page", **values)


def find_entry(connection: Connection, key: str) -> InstrumentEntry:
    """The instrument of a key.

    Raises:
        NotFound: there is none.
    """
    found = read_rows(connection, InstrumentEntry, "find_instrument_entry", instrument_key=key)
    if not found:
        raise not_found(connection, key)
    return found[0]


def find_entries(connection: Connection, keys: Sequence[str]) -> Sequence[InstrumentEntry]:
    """The instruments of some keys, each of them once, in order of key.

    Raises:
        NotFound: of one or more there is none; names them.
    """
    found = read_rows(connection, InstrumentEntry, "list_entries_of", keys=list(keys))
    unknown = sorted({*keys} - {each.key for each in found})
    if len(unknown) == 1:
        raise not_found(connection, unknown[0])
    if unknown:
        raise NotFound(f"no instruments {', '.join(unknown)}")
    return found
