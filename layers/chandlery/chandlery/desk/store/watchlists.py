"""Watchlists, and their items, of the user of a transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from chandlery.desk.domain.watchlist import Item, Watchlist
from chandlery.desk.store.said import as_json
from chandlery.platform.statements import read_rows, run


def list_lists(connection: Connection, watchlist_id: int | None = None) -> Sequence[Watchlist]:
    """All lists, the default first; or the one that is named."""
    return read_rows(connection, Watchlist, "list_watchlists", watchlist_id=watchlist_id)


def add_list(connection: Connection, said: Mapping[str, Any], at: datetime) -> int | None:
    """Add a list; returns its id, or none where the user has one of that name."""
    _keep_one_default(connection, said, None, at)
    row = run(connection, "insert_watchlist", said=as_json(said), at=at).fetchone()
    return row[0] if row else None


def change_list(
    connection: Connection, watchlist_id: int, said: Mapping[str, Any], revision: int | None, at: datetime
) -> bool:
    """Change what was said of a list, of a revision or of any; returns whether it was there."""
    _keep_one_default(connection, said, watchlist_id, at)
    values: dict[str, Any] = {"watchlist_id": watchlist_id, "revision": revision, "at": at}
    return run(connection, "change_watchlist", said=as_json(said), **values).rowcount > 0


def delete_list(connection: Connection, watchlist_id: int, revision: int | None) -> bool:
    """Delete a list, of a revision or of any; returns whether it was there."""
    return run(connection, "delete_watchlist", watchlist_id=watchlist_id, revision=revision).rowcount > 0


def list_items(connection: Connection, watchlist_id: int, item_id: int | None = None) -> Sequence[Item]:
    """The items of a list in their order; or the one that is named."""
    return read_rows(connection, Item, "list_items", watchlist_id=watchlist_id, item_id=item_id)


def count_items(connection: Connection, watchlist_id: int) -> int:
    """How many items a list has."""
    return int(run(connection, "count_items", watchlist_id=watchlist_id).fetchall()[0][0])


def add_item(
    connection: Connection, watchlist_id: int, instrument_id: int, said: Mapping[str, Any], at: datetime
) -> int | None:
    """Add an item to a list; returns its id, or none where the instrument is on it already."""
    values: dict[str, Any] = {"watchlist_id": watchlist_id, "instrument_id": instrument_id, "at": at}
    row = run(connection, "insert_item", said=as_json(said), **values).fetchone()
    return row[0] if row else None


def change_item(
    connection: Connection,
    watchlist_id: int,
    item_id: int,
    said: Mapping[str, Any],
    revision: int | None,
    at: datetime,
) -> bool:
    """Change what was said of an item, of a revision or of any; returns whether it was there."""
    values: dict[str, Any] = {"watchlist_id": watchlist_id, "item_id": item_id, "revision": revision, "at": at}
    return run(connection, "change_item", said=as_json(said), **values).rowcount > 0


def delete_item(connection: Connection, watchlist_id: int, item_id: int, revision: int | None) -> bool:
    """Delete an item, of a revision or of any; returns whether it was there."""
    values = {"watchlist_id": watchlist_id, "item_id": item_id, "revision": revision}
    return run(connection, "delete_item", **values).rowcount > 0


def _keep_one_default(connection: Connection, said: Mapping[str, Any], watchlist_id: int | None, at: datetime) -> None:
    if said.get("is_default"):
        run(connection, "clear_default_watchlist", watchlist_id=watchlist_id, at=at)
