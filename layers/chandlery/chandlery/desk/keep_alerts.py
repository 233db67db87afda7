"""Keep a user's alerts: list, add, change, delete, and see when they fired."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.desk.at_desk import at_desk, require_same
from chandlery.desk.domain import fields
from chandlery.desk.domain.alert import ALERT_FIELDS, CHANGES, MOST_ALERTS, Alert, Firing, check_expiry, check_own
from chandlery.desk.domain.user import Caller
from chandlery.desk.store import alerts
from chandlery.platform.errors import Conflicting, NotFound, Refused
from chandlery.reference.store.instrument_pages import find_entry


@dataclass(frozen=True)
class AlertsWanted:
    """Which alerts: of an instrument, of a state, or all where empty; from the one after `after` on, at most `most`."""

    instrument_key: str = ""
    state: str = ""
    after: int = 0
    most: int = MOST_ALERTS


def list_alerts(connection: Connection, caller: Caller, at: datetime, wanted: AlertsWanted) -> Sequence[Alert]:
    """A user's alerts, by id."""
    with at_desk(connection, caller, at):
        return alerts.list_alerts(connection, **vars(wanted))


def find_alert(connection: Connection, caller: Caller, at: datetime, alert_id: int) -> Alert:
    """One of them.

    Raises:
        NotFound: he has no such alert.
    """
    with at_desk(connection, caller, at):
        return _require(connection, alert_id)


def add_alert(connection: Connection, caller: Caller, at: datetime, said: object) -> Alert:
    """Arm one from now on. Where the price is past its level, it fires once it has come back and crosses again.

    Raises:
        Refused: what was said of it is wrong.
        NotFound: there is no such instrument.
        Conflicting: he has as many as he may.
    """
    with at_desk(connection, caller, at):
        wanted = fields.read(ALERT_FIELDS, said, is_new=True)
        check_expiry(wanted, at)
        instrument = find_entry(connection, wanted["instrument_key"])
        if alerts.count(connection) >= MOST_ALERTS:
            raise Conflicting(f"{MOST_ALERTS:,} alerts are the most")
        return _require(connection, alerts.add(connection, instrument.instrument_id, wanted, at))


def change_alert(
    connection: Connection, caller: Caller, at: datetime, alert_id: int, said: object, revision: int | None
) -> Alert:
    """Change what was said of one, of a revision or of any; another level, and `state`, arm it again from now on.

    Raises:
        Refused: what was said is wrong, or its item's to say.
        NotFound: he has no such alert.
        Outdated: it is of another revision.
    """
    with at_desk(connection, caller, at):
        wanted = fields.read(CHANGES, said, is_new=False)
        check_expiry(wanted, at)
        check_own(_require(connection, alert_id), wanted)
        is_done = alerts.change(connection, alert_id, wanted, revision, at)
        require_same(is_done, f"alert {alert_id}")
        return _require(connection, alert_id)


def delete_alert(connection: Connection, caller: Caller, at: datetime, alert_id: int, revision: int | None) -> None:
    """Delete one and what it fired, of a revision or of any.

    Raises:
        NotFound, Outdated: as of `change_alert`.
        Refused: it is of an item of a watchlist, whose level goes first.
    """
    with at_desk(connection, caller, at):
        alert = _require(connection, alert_id)
        if alert.item_id is not None:
            raise Refused("alert_id", f"alert {alert_id} is that of item {alert.item_id}: take its level away there")
        is_done = alerts.delete(connection, alert_id, revision)
        require_same(is_done, f"alert {alert_id}")


def list_firings(
    connection: Connection, caller: Caller, at: datetime, alert_id: int | None, most: int
) -> Sequence[Firing]:
    """The minutes in which an alert fired, or all of a user's did, the newest first.

    Raises:
        NotFound: he has no such alert.
    """
    with at_desk(connection, caller, at):
        if alert_id is not None:
            _require(connection, alert_id)
        return alerts.list_firings(connection, alert_id, most)


def _require(connection: Connection, alert_id: int) -> Alert:
    found = alerts.list_alerts(connection, alert_id=alert_id)
    if not found:
        raise NotFound(f"there is no alert {alert_id}")
    return found[0]
