"""Find the instruments that rows name, add those that are to be added, and say of the others why they have none."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from psycopg import Connection

from chandlery.ingest.domain.contract_members import contract_parts
from chandlery.ingest.store.sent_rows import find_instruments
from chandlery.platform.connection import transaction
from chandlery.platform.errors import Permanent
from chandlery.reference.domain.contract import SIDES, Named, root_of, symbol_of
from chandlery.reference.domain.instrument import Instrument, exchange_of
from chandlery.reference.store import instruments
from chandlery.reference.store.contracts import Contracts


@dataclass(frozen=True)
class Unknown:
    """How an instrument that nobody knows is added: under this calendar, and of this feed, or else the record's."""

    calendar: str
    feed: str | None = None


@dataclass
class Identified:
    """Instruments by the keys of rows; of the other keys why they have none; and how many were added."""

    ids: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    added: int = 0


def identify_instruments(connection: Connection, feeds: Mapping[str, str], unknown: Unknown | None) -> Identified:
    """The instruments of keys, each with the feed of a record that names it, inside the caller's transaction.

    Contracts of an underlying that is known are made as by an import.

    Raises:
        Retryable, Permanent: from the database, for which no key is to blame.
    """
    found = Identified()
    contracts: dict[str, dict[str, Mapping[str, str | None]]] = defaultdict(dict)
    plain = []
    for key in feeds:
        parts = contract_parts(key)
        if parts is None:
            plain.append(key)
        else:
            contracts[parts[0]][key] = parts[1]
    found.ids |= find_instruments(connection, plain)
    lacking = [key for key in plain if key not in found.ids]
    for key in lacking:
        if reason := _add(connection, key, feeds[key], unknown):
            found.refused[key] = reason
        else:
            found.added += 1
    found.ids |= find_instruments(connection, [key for key in lacking if key not in found.refused])
    for underlying, named in contracts.items():
        _identify_contracts(connection, underlying, named, found)
    return found


def _add(connection: Connection, key: str, feed: str, unknown: Unknown | None) -> str:
    """Why an instrument cannot be added; empty where it was."""
    try:
        exchange_of(key)
        if unknown is None:
            return f"instrument: there is no {key}; add it: chandlery instruments add {key} --calendar NAME"
        instruments.add(connection, key, unknown.calendar, unknown.feed or feed)
    except ValueError as error:
        return f"instrument: {error}"
    except Permanent as error:
        return f"instrument: {key} cannot be added: {error}"
    return ""


def _identify_contracts(
    connection: Connection, key: str, named: Mapping[str, Mapping[str, str | None]], found: Identified
) -> None:
    try:
        underlying = instruments.find(connection, key)
        ids, made = _make(connection, underlying, [_named(underlying, told) for told in named.values()])
    except (Permanent, ValueError) as error:
        if len(named) == 1:
            found.refused[next(iter(named))] = f"instrument: {error}"
            return
        # One of them is to blame, or each.
        for one, told in named.items():
            _identify_contracts(connection, key, {one: told}, found)
        return
    found.ids |= zip(named, ids, strict=True)
    found.added += made


def _make(connection: Connection, underlying: Instrument, named: Sequence[Named]) -> tuple[Sequence[int], int]:
    contracts = Contracts(connection, underlying)
    with transaction(connection):
        return contracts.identify(named), len(contracts.made)


def _named(underlying: Instrument, told: Mapping[str, str | None]) -> Named:
    """Raises ValueError where the right is none."""
    right, contract, expires_at = told["right"] or "", told["contract"], told["expires_at"]
    if right.lower() not in SIDES:
        raise ValueError(f"right: {right} is neither call nor put")
    return Named(
        date.fromisoformat(told["expiry"] or ""),
        told["strike"] or "",
        SIDES[right.lower()],
        None if contract is None else root_of(contract, symbol_of(underlying.key)),
        None if expires_at is None else datetime.fromisoformat(expires_at),
    )
