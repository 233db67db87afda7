"""The expiries of an underlying."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from psycopg import Connection

from chandlery.options.domain.expiries import Expiry
from chandlery.platform.errors import NotFound, Refused
from chandlery.platform.statements import read_rows, run
from chandlery.reference.domain.instrument import Instrument
from chandlery.words.remark import Remark

_SHOWN = 12


def list_expiries(connection: Connection, underlying: Instrument) -> Sequence[Expiry]:
    """All of them, in order.

    Raises:
        NotFound: it has no option contract.
    """
    found = read_rows(connection, Expiry, "list_expiries", underlying_id=underlying.instrument_id)
    if not found:
        advice = f"; add some first: chandlery contracts import FILE --underlying {underlying.key}"
        raise NotFound(Remark(f"{underlying.key} has no option contracts", advice))
    return found


def list_ladder(connection: Connection, underlying: Instrument, expiries: Sequence[Expiry]) -> Sequence[Decimal]:
    """The strikes listed of some expiries, in order."""
    expires_at = [each.expires_at for each in expiries]
    found = run(connection, "list_ladder", underlying_id=underlying.instrument_id, expires_at=expires_at)
    return [strike for (strike,) in found]


def of_day(key: str, expiries: Sequence[Expiry], day: date) -> Sequence[Expiry]:
    """Those of a date: a morning's and an evening's may share it.

    Raises:
        Refused: no contract expires then; says when others do.
    """
    if chosen := [each for each in expiries if each.expiry == day]:
        return chosen
    days = sorted({each.expiry for each in expiries}, key=lambda other: abs(other - day))
    near = ", ".join(map(str, sorted(days[:_SHOWN])))
    more = f", and {len(days) - _SHOWN} more" if len(days) > _SHOWN else ""
    raise Refused("expiry", f"{key} has no contract that expires on {day}; there is: {near}{more}")
