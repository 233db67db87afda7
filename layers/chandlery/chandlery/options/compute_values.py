"""Compute what is collected of chains in a transaction. Needs numpy."""

from psycopg import Connection

from chandlery.options.numerics.chain_values import Chains, Contracts, value_chains
from chandlery.options.store import chain_arrays


def compute_values(connection: Connection) -> None:
    """Compute forwards, ladders, implied volatilities and greeks, and hand them on.

    Raises:
        Retryable, Permanent: from the database.
    """
    chain, rung, strike, is_call, holds_spot, mid, price = chain_arrays.list_states(connection)
    contracts = Contracts(chain - 1, rung - 1, strike, is_call == 1, holds_spot == 1, mid, price)
    found = value_chains(contracts, Chains(*chain_arrays.list_terms(connection)))
    numbers = {name: getattr(found, name) for name in ("iv", "delta", "gamma", "theta", "vega")}
    chain_arrays.fill(connection, found.status, numbers, found.rank, found.moneyness, found.forward)
