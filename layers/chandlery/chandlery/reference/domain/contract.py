"""Option contracts: what an underlying's are like, and how files name them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from chandlery.reference.domain.instrument import Instrument, exchange_of

CALL, PUT = "call", "put"
SIDES: Mapping[str, str] = {"c": CALL, "call": CALL, "ce": CALL, "p": PUT, "put": PUT, "pe": PUT}
STYLES = ("american", "european")
MODELS = ("black_76", "black_scholes_merton")

_SHARES = frozenset({"EQ", "ETF", "FUND", "STOCK"})
_UNITED_STATES = frozenset({"XNYS", "XNAS"})
_CURRENCIES = {
    "XBOM": "INR", "XLON": "GBP", "XTKS": "JPY", "XHKG": "HKD", "XTSE": "CAD", "XASX": "AUD", "XSWX": "CHF",
    "XETR": "EUR", "XFRA": "EUR", "XEUR": "EUR", "XPAR": "EUR", "XAMS": "EUR", "XMIL": "EUR", "XMAD": "EUR",
}  # fmt: skip
# The Options Clearing Corporation's: a root of up to six characters, the expiry, C or P, the strike in thousandths.
_OCC = re.compile(r"\s*(\S{1,6}?)\s*\d{6}[CP]\d{8}\s*")


@dataclass(frozen=True)
class Terms:
    """What contracts are like where nothing else is said of them; `exchange` is that of their keys."""

    exchange: str
    multiplier: str
    style: str
    model: str
    currency: str


class Named(NamedTuple):
    """A contract as a file names it.

    `contract` is null where the file does not say: it is the one there is. `expires_at` is null where it follows from
    the expiry.
    """

    expiry: date
    strike: str
    side: str
    contract: str | None = None
    expires_at: datetime | None = None

    def __str__(self) -> str:
        """As people say it."""
        return f"{self.side} {self.strike} of {self.expiry}"


@dataclass(frozen=True)
class Said:
    """What a file says of a contract's terms; null: nothing."""

    multiplier: str | None = None
    style: str | None = None
    model: str | None = None
    currency: str | None = None


def terms_of(underlying: Instrument) -> Terms:
    """What is usual of its options, by its type and its calendar."""
    is_share = underlying.key.rpartition("@")[2] in _SHARES
    in_states = underlying.calendar in _UNITED_STATES
    return Terms(
        exchange="OPRA" if in_states else exchange_of(underlying.key),
        multiplier="100" if in_states else "1",
        style="american" if is_share and in_states else "european",
        model="black_scholes_merton" if is_share else "black_76",
        currency=_CURRENCIES.get(underlying.calendar, "USD"),
    )


def root_of(name: str, symbol: str) -> str:
    """What tells a contract from its twins: the root of one of the OCC's names, else the name itself.

    Empty where that is the symbol of the underlying, as it is of all that no split has adjusted.
    """
    found = _OCC.fullmatch(name)
    root = found[1] if found else name.strip()
    return "" if root.upper() == symbol.upper() else root


def symbol_of(key: str) -> str:
    """The symbol that an instrument key names."""
    return key.split("@")[1]
