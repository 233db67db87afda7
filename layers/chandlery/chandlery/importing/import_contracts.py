"""Bring a file of option contracts into the database, whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection

from chandlery.platform.connection import transaction
from chandlery.reference.domain.contract import Named, Said
from chandlery.reference.domain.instrument import Instrument
from chandlery.reference.store.contracts import Contracts


@dataclass(frozen=True)
class ContractImport:
    """What an import did: rows read, contracts made, and those whose terms changed."""

    read: int
    contracts: int
    changed: int


def import_contracts(
    connection: Connection, underlying: Instrument, named: Sequence[Named], said: Sequence[Said]
) -> ContractImport:
    """Make contracts of an underlying, or change the terms of those that are stored, in one transaction.

    Args:
        connection: in autocommit mode.
        underlying: whose options they are.
        named: the contracts; one may be named twice.
        said: their terms, of equal length.

    Raises:
        Permanent: a contract cannot be told from others.
        Retryable, Permanent: from the database.
    """
    if not named:
        return ContractImport(0, 0, 0)
    contracts = Contracts(connection, underlying)
    with transaction(connection):
        changed = contracts.change(contracts.identify(named), said)
    return ContractImport(len(named), len(contracts.made), changed)
