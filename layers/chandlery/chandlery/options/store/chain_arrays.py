"""Chains as arrays of numbers, to compute with; and back, what was computed. Needs numpy."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.number_arrays import Real, Whole, number_cursor
from chandlery.platform.statements import statement

Array = NDArray[Any]


def list_states(connection: Connection) -> Sequence[Array]:
    """Of each contract collected in this transaction, in order: chain, rung, strike, side, model, middle, price."""
    columns: Sequence[Array] = _ask(connection, "write_strike_candles:list_states")[0]
    return columns


def list_terms(connection: Connection) -> tuple[Array, Array, Sequence[Array], Sequence[Array]]:
    """Of each chain, in order: years to expiry, the underlying's price, and the rates by their days."""
    years, spots, days, rates = zip(*_ask(connection, "write_strike_candles:list_chain_terms"), strict=True)
    return np.array(years), np.array(spots), days, rates


def fill(
    connection: Connection,
    statuses: Array,
    numbers: Mapping[str, Array],
    ranks: Array,
    moneyness: Array,
    forwards: Array,
) -> None:
    """Hand what was computed on to what writes it: of contracts, of rungs, of chains, each in order."""
    names, codes = np.unique(statuses, return_inverse=True)
    columns = {name: Real(values) for name, values in numbers.items()}
    _write(
        connection,
        "write_strike_candles:fill_contract_values",
        statuses=names.tolist(),
        status=Whole(codes + 1),
        **columns,
    )
    _write(connection, "write_strike_candles:fill_rung_values", rank=Whole(ranks), moneyness=Real(moneyness))
    _write(connection, "write_strike_candles:fill_chain_values", forward=Real(forwards))


def _ask(connection: Connection, step: str) -> Sequence[Any]:
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        return cursor.execute(statement(step)).fetchall()


def _write(connection: Connection, step: str, **values: Any) -> None:
    with psycopg_errors_translated(), number_cursor(connection) as cursor:
        cursor.execute(statement(step), values)
