"""How a row names an option contract by its underlying, where it does not know the contract's own key."""

from collections.abc import Mapping
from typing import Any

from chandlery.datasets.kinds import Kind
from chandlery.ingest.domain.envelope import shown

# Members of a row, of which the first three go together.
NEEDED: Mapping[str, Kind] = {"expiry": Kind.DATE, "strike": Kind.DECIMAL, "right": Kind.TEXT}
CONTRACT_MEMBERS: Mapping[str, Kind] = {**NEEDED, "contract": Kind.TEXT, "expires_at": Kind.TIME}
# No key has it: it is a control character. What is not said is null, and an empty contract is a name too.
_BETWEEN, _NONE = "\x1f", "\x1e"


def contract_key(underlying: str, said: Mapping[str, Any]) -> str:
    """What stands for a contract until it is found; different for different ones.

    Raises:
        ValueError: a member is missing or wrong.
    """
    if lacking := [name for name in NEEDED if name not in said]:
        raise ValueError(f"lacks {', '.join(lacking)}")
    parts = [underlying]
    for name, kind in CONTRACT_MEMBERS.items():
        value = said.get(name)
        try:
            parts.append(_NONE if value is None else _normal(kind, value))
        except ValueError as error:
            raise ValueError(f"{name}: {shown(value)} {error}") from None
    return _BETWEEN.join(parts)


def contract_parts(key: str) -> tuple[str, Mapping[str, str | None]] | None:
    """The underlying and the members that a key of a contract was made of; None of an instrument's own key."""
    underlying, *told = key.split(_BETWEEN)
    if not told:
        return None
    return underlying, {
        name: None if text == _NONE else text for name, text in zip(CONTRACT_MEMBERS, told, strict=True)
    }


def _normal(kind: Kind, value: Any) -> str:
    if type(value) is not str or _BETWEEN in value or _NONE in value:
        raise ValueError(
            "must be a text without control characters" if kind is Kind.TEXT else f"must be of kind {kind}"
        )
    return kind.normal(value)
