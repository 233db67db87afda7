"""Arguments as parts of a request: aware times, keys, flags."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import quote

from chandlery_client.errors import BadArgument, NaiveTime

from .wire import Query

Value = str | int | bool | Decimal | date | datetime | Iterable[str] | None


def instant(value: datetime, name: str = "time") -> str:
    """A time in ISO 8601, UTC.

    Raises:
        NaiveTime: it has no offset.
    """
    if value.utcoffset() is None:
        raise NaiveTime(f"{name}: {value.isoformat()} has no offset; say which instant: datetime(…, tzinfo=UTC)")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def path(*parts: str) -> str:
    """A path of the API; a key may have a slash of its own."""
    if not all(parts):
        raise BadArgument("a key must not be empty")
    return "/api/v1/" + "/".join(quote(part, safe="@") for part in parts)


def queries(**named: Value) -> Query:
    """The queries that are not None; `from_` is sent as `from`, a list name by name."""
    return tuple((name.rstrip("_"), text) for name, value in named.items() for text in _texts(name.rstrip("_"), value))


def joined(keys: Iterable[str]) -> str:
    """Keys in one query.

    Raises:
        BadArgument: there is none.
    """
    found = [keys] if isinstance(keys, str) else list(keys)
    if not found:
        raise BadArgument("name one instrument at least")
    return ",".join(found)


def _texts(name: str, value: Value) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, datetime):
        return [instant(value, name)]
    if isinstance(value, date):
        return [value.isoformat()]
    if isinstance(value, Decimal):
        return [f"{value:f}"]
    return [str(value)] if isinstance(value, str | int) else list(value)
