"""Option contracts: instruments with an underlying, an expiry and a strike."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal

from psycopg import Connection

from chandlery.platform.errors import Permanent
from chandlery.platform.statements import read_rows, run
from chandlery.reference.domain.contract import Named, Said, symbol_of, terms_of
from chandlery.reference.domain.instrument import Instrument


@dataclass(frozen=True)
class Contract:
    """A contract as it is stored."""

    key: str
    expiry: date
    expires_at: datetime
    strike: Decimal
    side: str
    contract: str
    multiplier: Decimal
    style: str
    model: str
    currency: str


@dataclass
class Contracts:
    """Those of an underlying that the rows of files name, found or made inside the caller's transaction.

    `made` are the instruments that were not stored before.
    """

    connection: Connection
    underlying: Instrument
    made: set[int] = field(default_factory=set, init=False)
    _known: dict[Named, int] = field(default_factory=dict, init=False)

    def identify(self, named: Sequence[Named]) -> Sequence[int]:
        """The instrument of each; those not stored are made, with the terms usual of the underlying's.

        Raises:
            Permanent: one cannot be told from others, or nobody knows when it expires.
            Retryable: from the database; the caller's transaction is then to be rolled back.
        """
        unknown = [each for each in dict.fromkeys(named) if each not in self._known]
        if unknown:
            self._known |= zip(unknown, self._look_up(unknown), strict=True)
        return [self._known[each] for each in named]

    def change(self, instrument_ids: Sequence[int], said: Sequence[Said]) -> int:
        """Take over what is said of their terms; returns how many changed that were stored before."""
        changed = run(
            self.connection,
            "write_contracts:change_contracts",
            instrument_ids=list(instrument_ids),
            multipliers=[each.multiplier for each in said],
            styles=[each.style for each in said],
            models=[each.model for each in said],
            currencies=[each.currency for each in said],
        )
        return len({instrument_id for (instrument_id,) in changed} - self.made)

    def _look_up(self, named: Sequence[Named]) -> Sequence[int]:
        underlying_id = self.underlying.instrument_id
        run(
            self.connection,
            "write_contracts:create_said_contracts",
            underlying_id=underlying_id,
            expiries=[each.expiry for each in named],
            strikes=[each.strike for each in named],
            sides=[each.side for each in named],
            contracts=[each.contract for each in named],
            given=[each.expires_at for each in named],
        )
        run(self.connection, "write_contracts:find_contracts", underlying_id=underlying_id)
        found = self._list_said()
        if any(each.twins == 0 for each in found):
            self._refuse_contract()
            run(self.connection, "write_contracts:lock_contracts", underlying_id=underlying_id)
            run(self.connection, "write_contracts:find_contracts", underlying_id=underlying_id)
            usual = asdict(terms_of(self.underlying)) | {"symbol": symbol_of(self.underlying.key)}
            made = run(self.connection, "write_contracts:insert_contracts", underlying_id=underlying_id, **usual)
            self.made.update(instrument_id for (instrument_id,) in made)
            run(self.connection, "write_contracts:find_contracts", underlying_id=underlying_id)
            found = self._list_said()
        run(self.connection, "write_contracts:drop_said_contracts")
        return [self._described(*each) for each in zip(named, found, strict=True)]

    def _refuse_contract(self) -> None:
        given = self.underlying
        row = run(self.connection, "write_contracts:find_underlying", underlying_id=given.instrument_id).fetchone()
        if row:
            raise Permanent(f"{given.key} is itself {row[1]} of {row[0]}; name the underlying: {row[0]}")

    def _list_said(self) -> Sequence["_Found"]:
        return read_rows(self.connection, _Found, "write_contracts:list_said_contracts")

    def _described(self, named: Named, found: "_Found") -> int:
        if found.instrument_id is not None:
            return found.instrument_id
        if found.expires_at is None:
            raise Permanent(
                f"nobody knows when the {named} expires: calendar {self.underlying.calendar} has no session up to that"
                " day; give the column expires_at"
            )
        if found.twins > 1:
            raise Permanent(
                f"there are {found.twins} contracts for the {named}: give the column contract, or expires_at"
            )
        raise Permanent(
            f"the {named} (contract {named.contract or 'empty'}) has the key of another instrument: give it another"
            " name in the column contract"
        )


def list_all(connection: Connection, underlying: Instrument, expiry: date | None = None) -> Sequence[Contract]:
    """The contracts of an underlying, by expiry and strike; or those of one day of expiry."""
    return read_rows(connection, Contract, "list_contracts", underlying_id=underlying.instrument_id, expiry=expiry)


@dataclass(frozen=True)
class _Found:
    instrument_id: int | None
    twins: int
    expires_at: datetime | None
