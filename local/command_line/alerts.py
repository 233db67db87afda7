"""`chandlery alerts`: levels that a user is told of, and when they were crossed."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from chandlery.desk import keep_alerts
from chandlery.desk.domain.alert import Alert, Side, State
from chandlery.desk.domain.routes import MOST_ROWS
from chandlery.desk.keep_alerts import AlertsWanted
from local.command_line.database import open_connection
from local.command_line.options import AsJson, Key, User, parse_moment
from local.command_line.output import out, show_rows
from local.command_line.watchlists import NONE, caller_of, now, said_of
from local.http_server import LOCAL_USER

app = typer.Typer(no_args_is_help=True, help="Keep a user's alerts, and see when they fired.")

_ALERTS = (
    "alert_id", "instrument_key", "side", "level", "state", "is_recurring", "armed_at", "expires_at", "fired_minute",
    "item_id", "note",
)  # fmt: skip
_FIRINGS = ("alert_id", "minute", "side", "level", "price", "close_before", "is_late", "revised_at", "fired_at")

AlertId = Annotated[int, typer.Argument(metavar="ALERT", min=1, help="number of an alert")]
Recurring = Annotated[bool | None, typer.Option("--recurring/--once", help="whether it stays armed once it has fired")]
Expires = Annotated[str | None, typer.Option(metavar="TIME", help="minutes from here on do not fire it; none: never")]
Note = Annotated[str | None, typer.Option(help="comes with the message; none takes it away")]


@app.command("list")
def list_alerts(
    key: Annotated[str, typer.Option(metavar="KEY", help="of this instrument alone")] = "",
    state: Annotated[State | None, typer.Option(help="in this state alone")] = None,
    user: User = LOCAL_USER,
    as_json: AsJson = False,
) -> None:
    """List the alerts, those of watchlists' items among them."""
    with open_connection() as connection:
        wanted = AlertsWanted(instrument_key=key, state=state or "")
        _show(keep_alerts.list_alerts(connection, caller_of(user), now(), wanted), as_json=as_json)


@app.command()
def add(
    key: Key,
    side: Annotated[Side, typer.Argument(help="high: it fires above its level; low: below")],
    level: Annotated[str, typer.Argument(metavar="PRICE", help="the level")],
    recurring: Recurring = None,
    expires: Expires = None,
    note: Note = None,
    user: User = LOCAL_USER,
) -> None:
    """Arm an alert from now on. Past its level already, the price fires it once it has come back and crosses again."""
    said = said_of(
        instrument_key=key, side=side, level=level, is_recurring=recurring, expires_at=_moment(expires), note=note
    )
    with open_connection() as connection:
        _show([keep_alerts.add_alert(connection, caller_of(user), now(), said)], as_json=False)


@app.command("set")
def set_alert(
    alert_id: AlertId,
    side: Annotated[Side | None, typer.Option(help="another side arms it again")] = None,
    level: Annotated[str | None, typer.Option(metavar="PRICE", help="another level arms it again")] = None,
    recurring: Recurring = None,
    expires: Expires = None,
    note: Note = None,
    user: User = LOCAL_USER,
) -> None:
    """Change what is named of an alert."""
    said = said_of(side=side, level=level, is_recurring=recurring, expires_at=_moment(expires), note=note)
    with open_connection() as connection:
        _show([keep_alerts.change_alert(connection, caller_of(user), now(), alert_id, said, None)], as_json=False)


@app.command()
def arm(alert_id: AlertId, user: User = LOCAL_USER) -> None:
    """Arm an alert again, from now on."""
    with open_connection() as connection:
        said = {"state": State.ARMED}
        _show([keep_alerts.change_alert(connection, caller_of(user), now(), alert_id, said, None)], as_json=False)


@app.command()
def remove(alert_id: AlertId, user: User = LOCAL_USER) -> None:
    """Remove an alert, and what it fired."""
    with open_connection() as connection:
        keep_alerts.delete_alert(connection, caller_of(user), now(), alert_id, None)
    out.print(f"alert {alert_id}: removed")


@app.command()
def firings(
    alert_id: Annotated[int | None, typer.Argument(metavar="[ALERT]", help="of this alert alone")] = None,
    user: User = LOCAL_USER,
    as_json: AsJson = False,
) -> None:
    """Show the minutes in which alerts fired, the newest first; revised_at: since when one would not have."""
    with open_connection() as connection:
        found = keep_alerts.list_firings(connection, caller_of(user), now(), alert_id, MOST_ROWS)
    show_rows([asdict(each) for each in found], _FIRINGS, title="firings", as_json=as_json)


def _moment(text: str | None) -> str | None:
    if text in (None, NONE):
        return text
    moment: datetime = parse_moment(text)
    return moment.isoformat()


def _show(found: Sequence[Alert], *, as_json: bool) -> None:
    spare = ["note", "item_id", "armed_at"]
    show_rows([asdict(each) for each in found], _ALERTS, title="alerts", as_json=as_json, spare=spare)
