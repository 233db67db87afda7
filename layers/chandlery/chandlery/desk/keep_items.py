"""Keep the items of a user's watchlist: list, add, change, delete."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Connection

from chandlery.desk.at_desk import at_desk, require_same
from chandlery.desk.domain import fields
from chandlery.desk.domain.user import Caller
from chandlery.desk.domain.watchlist import ITEM_FIELDS, MOST_ITEMS, Item, check_levels
from chandlery.desk.keep_watchlists import require_list
from chandlery.desk.store import watchlists
from chandlery.platform.errors import Conflicting, NotFound
from chandlery.reference.store.instrument_pages import find_entry


def list_items(connection: Connection, caller: Caller, at: datetime, watchlist_id: int) -> Sequence[Item]:
    """The items of a list, in their order.

    Raises:
        NotFound: he has no such list.
    """
    with at_desk(connection, caller, at):
        require_list(connection, watchlist_id)
        return watchlists.list_items(connection, watchlist_id)


def find_item(connection: Connection, caller: Caller, at: datetime, watchlist_id: int, item_id: int) -> Item:
    """One of them.

    Raises:
        NotFound: he has no such list, or it no such item.
    """
    with at_desk(connection, caller, at):
        return _require_item(connection, watchlist_id, item_id)


def add_item(connection: Connection, caller: Caller, at: datetime, watchlist_id: int, said: object) -> Item:
    """Add an instrument to a list; its levels are armed.

    Raises:
        Refused: what was said of it is wrong.
        NotFound: he has no such list, or there is no such instrument.
        Conflicting: it is on the list already, or that is full.
    """
    with at_desk(connection, caller, at):
        wanted = fields.read(ITEM_FIELDS, said, is_new=True)
        check_levels(wanted)
        require_list(connection, watchlist_id)
        instrument = find_entry(connection, wanted["instrument_key"])
        if watchlists.count_items(connection, watchlist_id) >= MOST_ITEMS:
            raise Conflicting(f"{MOST_ITEMS:,} items are the most of a watchlist")
        item_id = watchlists.add_item(connection, watchlist_id, instrument.instrument_id, wanted, at)
        if item_id is None:
            raise Conflicting(f"{instrument.key} is on watchlist {watchlist_id} already")
        return _require_item(connection, watchlist_id, item_id)


def change_item(
    connection: Connection,
    caller: Caller,
    at: datetime,
    watchlist_id: int,
    item_id: int,
    said: object,
    revision: int | None,
) -> Item:
    """Change what was said of an item, of a revision or of any; another level is armed from now on.

    Raises:
        Refused: what was said is wrong.
        NotFound: he has no such list, or it no such item.
        Outdated: it is of another revision.
    """
    with at_desk(connection, caller, at):
        wanted = fields.read(ITEM_FIELDS, said, is_new=False)
        check_levels(wanted, _require_item(connection, watchlist_id, item_id))
        is_done = watchlists.change_item(connection, watchlist_id, item_id, wanted, revision, at)
        require_same(is_done, f"item {item_id} of watchlist {watchlist_id}")
        return _require_item(connection, watchlist_id, item_id)


def delete_item(
    connection: Connection, caller: Caller, at: datetime, watchlist_id: int, item_id: int, revision: int | None
) -> None:
    """Take an item off a list, and its alerts with it, of a revision or of any.

    Raises:
        NotFound, Outdated: as of `change_item`.
    """
    with at_desk(connection, caller, at):
        _require_item(connection, watchlist_id, item_id)
        is_done = watchlists.delete_item(connection, watchlist_id, item_id, revision)
        require_same(is_done, f"item {item_id} of watchlist {watchlist_id}")


def _require_item(connection: Connection, watchlist_id: int, item_id: int) -> Item:
    found = watchlists.list_items(connection, watchlist_id, item_id)
    if not found:
        raise NotFound(f"there is no item {item_id} of a watchlist {watchlist_id}")
    return found[0]
