"""Chains as arrays of numbers, to compute with; and back, what was computed. Needs numpy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from psycopg import Connection

from chandlery.options.domain.iv_status import IvStatus
from chandlery.options.numerics.chain_values import Chains, Contracts, Values
from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.number_arrays import Real, Whole, number_cursor
from chandlery.platform.statements import statement

_STATUSES = list(IvStatus)


def read(connection: Connection) -> tuple[Contracts, Chains]:
    """The contracts and chains that were collected in this transaction."""
    columns = _ask(connection, "list_states")[0]
    chain, rung, strike, is_call, holds_spot, mid, price = columns
    contracts = Contracts(chain - 1, rung - 1, strike, is_call == 1, holds_spot == 1, mid, price)
    terms = list(zip(*_ask(connection, "list_chain_terms"), strict=True))
    years, spot = (np.array(each, dtype=float) for each in terms[:2])
    return contracts, Chains(years, spot, terms[2], terms[3])


def fill(connection: Connection, values: Values) -> None:
    """Hand what was computed on to what writes it."""
    place = {status: number for number, status in enumerate(_STATUSES, start=1)}
    status = np.array([place[IvStatus(each)] for each in values.status.tolist()])
    numbers = {name: Real(getattr(values, name)) for name in ("iv", "delta", "gamma", "theta", "vega")}
    names = [each.value for each in _STATUSES]
    _tell(connection, "fill_contract_values", statuses=names, status=Whole(status), **numbers)
    _tell(connection, "fill_rung_values", rank=Whole(values.rank), moneyness=Real(values.moneyness))
    _tell(connection, "fill_chain_values", forward=Real(values.forward))


def _ask(connection: Connection, step: str) -> Sequence[tuple[Any, ...]]:
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        return cursor.execute(statement(f"write_strike_candles:{step}")).fetchall()


def _tell(connection: Connection, step: str, **values: Any) -> None:
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        cursor.execute(statement(f"write_strike_candles:{step}"), values)
