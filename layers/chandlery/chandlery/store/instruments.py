"""Instruments: what is traded."""

from collections.abc import Sequence

from psycopg import Connection
from psycopg.rows import class_row

from chandlery.domain.instrument import Instrument
from chandlery.errors import Permanent, psycopg_errors_translated
from chandlery.store.statements import run, statement


def add(connection: Connection, key: str, calendar: str, feed: str) -> None:
    """Add an instrument, or change the calendar and feed of the one there is."""
    run(connection, "upsert_instrument", instrument_key=key, calendar=calendar, feed=feed)


def list_all(connection: Connection) -> Sequence[Instrument]:
    """Every instrument, by key."""
    with psycopg_errors_translated(), connection.cursor(row_factory=class_row(Instrument)) as cursor:
        return cursor.execute(statement("list_instruments")).fetchall()


def find(connection: Connection, key: str) -> Instrument:
    """The instrument of a key.

    Raises:
        Permanent: there is none.
    """
    with psycopg_errors_translated(), connection.cursor(row_factory=class_row(Instrument)) as cursor:
        found = cursor.execute(statement("find_instrument"), {"instrument_key": key}).fetchone()
    if found is None:
        raise Permanent(f"no instrument {key}; add it first: chandlery instruments add {key} --calendar NAME")
    return found


def count(connection: Connection) -> int:
    """How many instruments there are."""
    row = run(connection, "count_instruments").fetchone()
    return int(row[0]) if row else 0
