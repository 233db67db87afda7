"""Alerts, and when they fired. When a level is crossed, `sql/schema/desk/crosses.sql` says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from chandlery.desk.domain.fields import Field, Type, WrongField

# Of one user.
MOST_ALERTS = 10_000


class Side(StrEnum):
    """On which side of its level the price fires an alert."""

    HIGH = "high"
    LOW = "low"


class State(StrEnum):
    """Armed, it may fire; one that recurs stays armed."""

    ARMED = "armed"
    FIRED = "fired"
    EXPIRED = "expired"


ALERT_FIELDS = (
    Field("instrument_key", Type.TEXT, "EXCHANGE@SYMBOL@TYPE", most=200, is_required=True, is_fixed=True),
    Field("side", Type.TEXT, "high: it fires above its level; low: below", choices=[*Side], is_required=True),
    Field("level", Type.NUMBER, "the price; another one arms it again", is_required=True),
    Field("is_recurring", Type.TRUTH, "whether it stays armed once it has fired", is_nullable=False),
    Field("expires_at", Type.TIME, "minutes from here on do not fire it"),
    Field("note", Type.TEXT, "comes with the message", most=500),
)
CHANGES = (
    *ALERT_FIELDS,
    Field("state", Type.TEXT, "armed: arms it again, from now on", choices=[State.ARMED], is_nullable=False),
)
# What an alert of a watchlist's item has from there.
_OF_ITEMS = ("side", "level")


@dataclass(frozen=True)
class Alert:
    """A level of an instrument; `fired_minute` is the last minute in which it fired, `item_id` the item it is of."""

    alert_id: int
    instrument_key: str
    item_id: int | None
    side: Side
    level: Decimal
    is_recurring: bool
    expires_at: datetime | None
    note: str | None
    state: State
    armed_at: datetime
    fired_minute: datetime | None
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Firing:
    """A minute in which an alert fired, as it was then; `revised_at`: since when it would not have."""

    alert_id: int
    minute: datetime
    side: Side
    level: Decimal
    price: Decimal
    close_before: Decimal | None
    is_late: bool
    fired_at: datetime
    revised_at: datetime | None


def check_expiry(said: Mapping[str, Any], at: datetime) -> None:
    """Refuse an expiry that is over.

    Raises:
        WrongField: it is.
    """
    if said.get("expires_at") and datetime.fromisoformat(said["expires_at"]) <= at:
        raise WrongField("expires_at", "must lie ahead")


def check_own(alert: Alert, said: Mapping[str, Any]) -> None:
    """Refuse changes of an alert that are its item's to make.

    Raises:
        WrongField: they are such.
    """
    for name in _OF_ITEMS:
        if alert.item_id is not None and name in said:
            raise WrongField(name, f"is that of item {alert.item_id} of a watchlist: change it there")
