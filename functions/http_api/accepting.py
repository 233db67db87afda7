"""What the caller takes: which of the types an answer may have (RFC 9110, 12.5.1), and whether as gzip."""

from collections.abc import Sequence


def preferred(offered: Sequence[str], accept: str) -> str | None:
    """The type to answer with: the first of those the caller likes best; none where it takes none of them.

    Args:
        offered: types, the usual one first: it is answered where the caller names none.
        accept: the header of that name, empty where there is none.
    """
    ranges = [_read(part) for part in accept.split(",") if part.strip()]
    if not ranges:
        return offered[0]
    weights = {kind: _weight(kind, ranges) for kind in offered}
    best = max(offered, key=lambda kind: weights[kind])
    return best if weights[best] > 0 else None


def takes_gzip(accept: str) -> bool:
    """Whether the caller takes a body as gzip, by its header Accept-Encoding: RFC 9110, 12.5.3."""
    if "gzip" not in accept and "*" not in accept:
        return False
    weights = dict(map(_read, accept.split(",")))
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _read(part: str) -> tuple[str, float]:
    kind, *parameters = (each.strip().lower() for each in part.split(";"))
    weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, float(weight)
    except ValueError:
        return kind, 1.0


def _weight(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """That of the most specific range which the type is in."""
    for pattern in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        weights = [weight for name, weight in ranges if name == pattern]
        if weights:
            return max(weights)
    return 0.0
