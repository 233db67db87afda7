"""Compute what is collected of chains in a transaction. Needs numpy."""

from psycopg import Connection

from chandlery.options.numerics.chain_values import value_chains
from chandlery.options.store import chain_arrays


def compute_values(connection: Connection) -> None:
    """Compute forwards, ladders, implied volatilities and greeks, and hand them on.

    Raises:
        Retryable, Permanent: from the database.
    """
    chain_arrays.fill(connection, value_chains(*chain_arrays.read(connection)))
