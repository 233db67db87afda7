"""A user's program at the desk: it reads what is stored and sends what is missing, until all is there."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chandlery.platform.errors import Retryable
from functions import desk_api
from local.command_line.functions import LocalContext
from local.http_server import event_of, let_in
from tests.faults.strategies import ANNA

Row = Mapping[str, Any]
Ask = Callable[..., Any]


def keep_desk(at: datetime) -> None:
    """Have another default list instead of the old one, an item with levels on it, and alerts armed, or gone."""
    _have_list(partial(_ask, at))
    # Later than what made them: a level that changes is armed as of then.
    ask = partial(_ask, at + timedelta(seconds=1))
    _have_levels(ask)
    _have_alerts(ask)


def _have_list(ask: Ask) -> None:
    lists = _lists(ask)
    new = lists.get("New") or ask("POST", "/watchlists", {"name": "New", "is_default": True})
    path = f"/watchlists/{new['watchlist_id']}/items"
    if not ask("GET", path)["items"]:
        ask("POST", path, {"instrument_key": "X@B@EQ", "price_alert_high": 103})
    if "Old" in lists:
        ask("DELETE", f"/watchlists/{lists['Old']['watchlist_id']}")


def _have_levels(ask: Ask) -> None:
    path = f"/watchlists/{_lists(ask)['New']['watchlist_id']}/items"
    (item,) = ask("GET", path)["items"]
    if item["price_alert_high"] != 104:
        ask("PATCH", f"{path}/{item['item_id']}", {"price_alert_high": 104, "price_alert_low": 101})


def _lists(ask: Ask) -> Mapping[str, Row]:
    return {each["name"]: each for each in ask("GET", "/watchlists")["watchlists"]}


def _have_alerts(ask: Ask) -> None:
    noted: dict[str, Row] = {each["note"]: each for each in ask("GET", "/alerts")["alerts"] if each["note"]}
    if "never" in noted:
        ask("DELETE", f"/alerts/{noted['never']['alert_id']}")
    if "mine" not in noted:
        said = {"instrument_key": "X@A@EQ", "side": "high", "level": 105, "is_recurring": True, "note": "mine"}
        ask("POST", "/alerts", said)
    if noted["once"]["level"] != 107:
        ask("PATCH", f"/alerts/{noted['once']['alert_id']}", {"level": 107, "is_recurring": True})


def _ask(at: datetime, method: str, path: str, said: object = None) -> Any:
    body = b"" if said is None else json.dumps(said).encode()
    event = let_in(event_of(method, f"/api/v1{path}", {"content-type": "application/json"}, body), ANNA.user_id)
    event["requestContext"]["timeEpoch"] = at.timestamp() * 1000
    answered = desk_api.handler(event, LocalContext("desk_api", 29))
    if answered["statusCode"] in (404, 409, 503):
        # The database was not there, or somebody else was quicker.
        raise Retryable(answered["body"])
    assert answered["statusCode"] < 400, (method, path, answered)
    return json.loads(answered["body"] or "null")
