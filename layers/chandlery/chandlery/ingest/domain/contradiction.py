"""How a row contradicts the stored one of its key."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from chandlery.ingest.domain.envelope import shown


def contradiction(said: Mapping[str, Any], stored: Mapping[str, Any]) -> str:
    """The columns that differ, as they were sent and as they are stored."""
    differing = [
        f"{name} {_value(said[name])}, stored {_value(stored[name])}" for name in said if said[name] != stored.get(name)
    ]
    return f"contradicts what is stored under its key: {'; '.join(differing)}"


def _value(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else shown(value)
