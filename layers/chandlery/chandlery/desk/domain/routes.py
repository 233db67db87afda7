"""The routes of the desk, by which the function serves them and the document tells of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from chandlery.desk.domain.alert import ALERT_FIELDS, CHANGES, Alert, Firing, State
from chandlery.desk.domain.fields import Field, Type
from chandlery.desk.domain.watchlist import ITEM_FIELDS, WATCHLIST_FIELDS, Item, Watchlist

BEFORE = "/api/v1"
# Alerts, or firings, of a page.
MOST_ROWS = 1_000


@dataclass(frozen=True)
class UserAnswer:
    """Who asks, as the desk knows him."""

    user_id: str
    username: str | None
    email: str | None
    is_admin: bool
    last_login: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Route:
    """A route; `answers` is what an answer has one of, or with `many` a list of under that name."""

    name: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    summary: str
    answers: type | None = None
    many: str = ""
    asks: Sequence[Field] = ()
    queries: Sequence[Field] = ()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What its paths look like."""
        return re.compile(BEFORE + re.sub(r"\{(\w+)\}", r"(?P<\1>[0-9]{1,18})", self.path))


_LIST, _ITEM, _ALERT = "/watchlists/{watchlist_id}", "/watchlists/{watchlist_id}/items/{item_id}", "/alerts/{alert_id}"
_LIMIT = Field("limit", Type.WHOLE, f"rows, {MOST_ROWS:,} at most, which is what there are otherwise")

ROUTES = (
    Route("describe_user", "GET", "/me", "Who asks", UserAnswer),
    Route("list_watchlists", "GET", "/watchlists", "Watchlists, the default first", Watchlist, "watchlists"),
    Route("add_watchlist", "POST", "/watchlists", "Add a watchlist", Watchlist, asks=WATCHLIST_FIELDS),
    Route("find_watchlist", "GET", _LIST, "A watchlist", Watchlist),
    Route("change_watchlist", "PATCH", _LIST, "Change a watchlist", Watchlist, asks=WATCHLIST_FIELDS),
    Route("delete_watchlist", "DELETE", _LIST, "Delete a watchlist, with its items and their alerts"),
    Route("list_items", "GET", f"{_LIST}/items", "The items of a watchlist, in their order", Item, "items"),
    Route("add_item", "POST", f"{_LIST}/items", "Add an instrument to a watchlist", Item, asks=ITEM_FIELDS),
    Route("find_item", "GET", _ITEM, "An item", Item),
    Route("change_item", "PATCH", _ITEM, "Change an item; another level is armed from now on", Item, asks=ITEM_FIELDS),
    Route("delete_item", "DELETE", _ITEM, "Take an item off its watchlist, with its alerts"),
    Route(
        "list_alerts",
        "GET",
        "/alerts",
        "Alerts, by id",
        Alert,
        "alerts",
        queries=(
            Field("instrument_key", Type.TEXT, "of this instrument alone", most=200),
            Field("state", Type.TEXT, "in this state alone", choices=[*State]),
            Field("after", Type.WHOLE, "from the one after this alert_id on"),
            _LIMIT,
        ),
    ),
    Route("add_alert", "POST", "/alerts", "Arm an alert", Alert, asks=ALERT_FIELDS),
    Route("find_alert", "GET", _ALERT, "An alert", Alert),
    Route("change_alert", "PATCH", _ALERT, "Change an alert, or arm it again", Alert, asks=CHANGES),
    Route("delete_alert", "DELETE", _ALERT, "Delete an alert, and what it fired"),
    Route(
        "list_firings",
        "GET",
        f"{_ALERT}/firings",
        "The minutes in which it fired, the newest first",
        Firing,
        "firings",
        queries=(_LIMIT,),
    ),
)


def routes_at(path: str) -> Sequence[tuple[Route, dict[str, int]]]:
    """The routes of a path, one for each method, with the ids in it; none where it is not the desk's."""
    found = ((route, route.pattern.fullmatch(path.rstrip("/"))) for route in ROUTES)
    return [(route, {name: int(text) for name, text in ids.groupdict().items()}) for route, ids in found if ids]
