"""Watchlists and their items."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from chandlery.desk.domain.fields import Field, Type, WrongField

# Of one user, and of one list.
MOST_WATCHLISTS, MOST_ITEMS = 200, 2_000

WATCHLIST_FIELDS = (
    Field("name", Type.TEXT, "what it is called; no two of a user alike", is_required=True),
    Field("description", Type.TEXT, "what it is for", most=2_000),
    Field("colour", Type.TEXT, "a colour as #rrggbb", pattern=r"#[0-9A-Fa-f]{6}"),
    Field("icon", Type.TEXT, "the name of a picture"),
    Field("is_default", Type.TRUTH, "whether it is shown first; the one before is no longer", is_nullable=False),
)
ITEM_FIELDS = (
    Field("instrument_key", Type.TEXT, "EXCHANGE@SYMBOL@TYPE", most=200, is_required=True, is_fixed=True),
    Field("position", Type.WHOLE, "its place; items of one place in the order they came", is_nullable=False),
    Field("notes", Type.TEXT, "whatever is to be remembered", most=2_000),
    Field("price_alert_high", Type.NUMBER, "an alert is armed above this price"),
    Field("price_alert_low", Type.NUMBER, "an alert is armed below this price"),
)


@dataclass(frozen=True)
class Watchlist:
    """A list of instruments that a user looks at."""

    watchlist_id: int
    name: str
    description: str | None
    colour: str | None
    icon: str | None
    is_default: bool
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Item:
    """An instrument of a watchlist; at its levels stand alerts."""

    item_id: int
    watchlist_id: int
    instrument_key: str
    position: int
    notes: str | None
    price_alert_high: Decimal | None
    price_alert_low: Decimal | None
    revision: int
    created_at: datetime
    updated_at: datetime


def check_levels(said: Mapping[str, Any], stored: Item | None = None) -> None:
    """Refuse levels of an item of which the low one is not the lower.

    Raises:
        WrongField: they are such.
    """
    high = said.get("price_alert_high", stored and stored.price_alert_high)
    low = said.get("price_alert_low", stored and stored.price_alert_low)
    if high is not None and low is not None and low >= high:
        raise WrongField("price_alert_low", f"must lie below price_alert_high, which is {high:f}")
