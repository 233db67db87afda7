"""Alerts, and when they fired, of the user of a transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from chandlery.desk.domain.alert import Alert, Firing
from chandlery.desk.store.said import as_json
from chandlery.platform.statements import read_rows, run


def list_alerts(
    connection: Connection,
    *,
    alert_id: int | None = None,
    instrument_key: str = "",
    state: str = "",
    after: int = 0,
    most: int = 1,
) -> Sequence[Alert]:
    """Alerts by id after `after`: the one that is named, those of an instrument, of a state, or all where empty."""
    values: dict[str, Any] = {"alert_id": alert_id, "instrument_key": instrument_key, "state": state}
    return read_rows(connection, Alert, "list_alerts", after=after, most=most, **values)


def count(connection: Connection) -> int:
    """How many the user has."""
    return int(run(connection, "count_alerts").fetchall()[0][0])


def add(connection: Connection, instrument_id: int, said: Mapping[str, Any], at: datetime) -> int:
    """Arm a new alert; returns its id."""
    row = run(connection, "insert_alert", instrument_id=instrument_id, said=as_json(said), at=at).fetchone()
    if row is None:
        raise AssertionError("what is inserted is returned")
    return int(row[0])


def change(connection: Connection, alert_id: int, said: Mapping[str, Any], revision: int | None, at: datetime) -> bool:
    """Change what was said of an alert, of a revision or of any; returns whether it was there."""
    values: dict[str, Any] = {"alert_id": alert_id, "revision": revision, "at": at}
    return run(connection, "change_alert", said=as_json(said), **values).rowcount > 0


def delete(connection: Connection, alert_id: int, revision: int | None) -> bool:
    """Delete an alert, of a revision or of any; returns whether it was there."""
    return run(connection, "delete_alert", alert_id=alert_id, revision=revision).rowcount > 0


def list_firings(connection: Connection, alert_id: int | None, most: int) -> Sequence[Firing]:
    """When an alert fired, or all alerts did, the newest first."""
    return read_rows(connection, Firing, "list_firings", alert_id=alert_id, most=most)
