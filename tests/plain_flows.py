"""What sentiment and flows come to, in plain Python: exact, and slow."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Key = tuple[datetime, str]


@dataclass(frozen=True)
class Item:
    """An item of sentiment."""

    source: str
    time: datetime
    item_id: str
    score: Decimal
    weight: Decimal | None


@dataclass(frozen=True)
class Leg:
    """A leg of a flow."""

    venue: str
    time: datetime
    tx: str
    leg: int
    direction: str
    amount: Decimal
    usd: Decimal | None = None
    cancelled: bool = False


def bucket(time: datetime, width: timedelta) -> datetime:
    """Where it begins, in UTC."""
    return time - (time - EPOCH) % width


def sentiment(items: Iterable[Item], width: timedelta, of: Callable[[Item], str]) -> Mapping[Key, tuple[object, ...]]:
    """By bucket and whatever `of` gives: score, weight, items, positive, negative, neutral."""
    found: dict[Key, list[Item]] = defaultdict(list)
    for item in items:
        found[bucket(item.time, width), of(item)].append(item)
    return {key: _score(within) for key, within in found.items()}


def _score(items: list[Item]) -> tuple[object, ...]:
    weighed = [(Fraction(each.score), Fraction(1 if each.weight is None else each.weight)) for each in items]
    weight = sum(each for _, each in weighed)
    mean = sum(score * each for score, each in weighed) / weight if weight else None
    positive, negative = (sum(sign * each.score > Decimal("0.05") for each in items) for sign in (1, -1))
    return mean, weight, len(items), positive, negative, len(items) - positive - negative


def counted(legs: Iterable[Leg]) -> Mapping[Leg, Fraction]:
    """What counts of each leg: not what moved inside its venue, and not what is cancelled."""
    found = dict.fromkeys(legs, Fraction(0))
    transactions: dict[tuple[str, str], list[Leg]] = defaultdict(list)
    for leg in found:
        if not leg.cancelled:
            transactions[leg.venue, leg.tx].append(leg)
    for within in transactions.values():
        sides = [[each for each in within if each.direction == side] for side in ("in", "out")]
        inside = min(sum(Fraction(each.amount) for each in side) for side in sides)
        for side in sides:
            left = Fraction(inside)
            for leg in sorted(side, key=lambda each: (each.leg, each.time)):
                taken = min(left, Fraction(leg.amount))
                left -= taken
                found[leg] = Fraction(leg.amount) - taken
    return found


def worth(leg: Leg, what: Fraction) -> Fraction | None:
    """The share of its dollars, cut off after 18 decimals."""
    if leg.usd is None or what == leg.amount:
        return None if leg.usd is None else Fraction(leg.usd)
    return Fraction(Fraction(leg.usd) * what * 10**18 // Fraction(leg.amount), 10**18)


def flows(legs: Iterable[Leg], width: timedelta, of: Callable[[Leg], str]) -> Mapping[Key, tuple[object, ...]]:
    """By bucket and whatever `of` gives: amounts in, out and net, dollars alike, and how many legs count."""
    found: dict[Key, list[tuple[Leg, Fraction]]] = defaultdict(list)
    for leg, what in counted(legs).items():
        if what:
            found[bucket(leg.time, width), of(leg)].append((leg, what))
    return {key: _sides(within) for key, within in found.items()}


def _sides(legs: list[tuple[Leg, Fraction]]) -> tuple[object, ...]:
    amounts, dollars, counts = [], [], []
    for side in ("in", "out"):
        within = [(leg, what) for leg, what in legs if leg.direction == side]
        worths = [each for each in (worth(leg, what) for leg, what in within) if each is not None]
        amounts.append(sum((what for _, what in within), Fraction(0)))
        dollars.append(sum(worths, Fraction(0)) if worths or not within else None)
        counts.append(len(within))
    come, go = dollars
    net = None if come is None or go is None else come - go
    return (*amounts, amounts[0] - amounts[1], come, go, net, *counts)
