"""A trade as a tick: which number tells it from others, and its price and size in the exchange's own digits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 2**63 - 1


@dataclass(frozen=True, order=True)
class Trade:
    """A trade; `seq` is the exchange's own number, or one made of its name for the trade."""

    time_ms: int
    seq: int
    key: str
    price: str
    size: str

    @property
    def time(self) -> datetime:
        """When it was made, by the exchange's clock."""
        return moment_of(self.time_ms)

    def row(self) -> Mapping[str, Any]:
        """The same as a row of a record."""
        told = {"instrument": self.key, "time": self.time.isoformat(), "seq": self.seq}
        return told | {"price": self.price, "size": self.size}


def moment_of(time_ms: int) -> datetime:
    """The moment that milliseconds since 1970 name, exact."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def milliseconds_of(moment: datetime) -> int:
    """Milliseconds since 1970, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def read_trades(key: str, said: Iterable[Mapping[str, Any]]) -> Sequence[Trade]:
    """Trades as ccxt tells them, in order.

    Raises:
        ValueError: one of them is none.
    """
    alike: Counter[str] = Counter()
    return sorted(_read(key, each, alike) for each in said)


def _read(key: str, said: Mapping[str, Any], alike: Counter[str]) -> Trade:
    time_ms, price, size = said.get("timestamp"), _digits(said.get("price")), _digits(said.get("amount"))
    if type(time_ms) is not int or price is None or size is None:
        raise ValueError(f"a trade without time, price or size: {dict(said)!r:.150}")
    name = str(said.get("id") or "")
    if not name:
        # Equal ones of one moment are told apart by their order.
        name = f"{time_ms} {said.get('side')} {price} {size}"
        alike[name] += 1
        name = f"{name} {alike[name]}"
    return Trade(time_ms, _number(name), key, price, size)


def _number(name: str) -> int:
    """A name's own number, or 63 bits that stand for it: always the same ones."""
    if name.isdecimal() and name.isascii() and int(name) <= _MOST:
        return int(name)
    return int.from_bytes(sha256(name.encode()).digest()[:8]) >> 1


def _digits(said: Any) -> str | None:
    """A number without an exponent, in all its digits; none where it is no number."""
    try:
        number = Decimal(str(said))
    except InvalidOperation:
        return None
    return f"{number:f}" if number.is_finite() else None
