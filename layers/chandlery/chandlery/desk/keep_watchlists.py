"""Keep a user's watchlists: list, add, change, delete."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Connection

from chandlery.desk.at_desk import at_desk, require_same
from chandlery.desk.domain import fields
from chandlery.desk.domain.user import Caller
from chandlery.desk.domain.watchlist import MOST_WATCHLISTS, WATCHLIST_FIELDS, Watchlist
from chandlery.desk.store import watchlists
from chandlery.platform.errors import Conflicting, NotFound


def list_watchlists(connection: Connection, caller: Caller, at: datetime) -> Sequence[Watchlist]:
    """All of a user's watchlists, the default first."""
    with at_desk(connection, caller, at):
        return watchlists.list_lists(connection)


def find_watchlist(connection: Connection, caller: Caller, at: datetime, watchlist_id: int) -> Watchlist:
    """One of them.

    Raises:
        NotFound: he has no such list.
    """
    with at_desk(connection, caller, at):
        return require_list(connection, watchlist_id)


def add_watchlist(connection: Connection, caller: Caller, at: datetime, said: object) -> Watchlist:
    """Add one; as the default, it takes the place of the one before.

    Raises:
        Refused: what was said of it is wrong.
        Conflicting: he has one of that name, or as many as he may.
    """
    with at_desk(connection, caller, at):
        wanted = fields.read(WATCHLIST_FIELDS, said, is_new=True)
        if len(watchlists.list_lists(connection)) >= MOST_WATCHLISTS:
            raise Conflicting(f"{MOST_WATCHLISTS} watchlists are the most")
        watchlist_id = watchlists.add_list(connection, wanted, at)
        if watchlist_id is None:
            raise Conflicting(f'there is a watchlist "{wanted["name"]}" already')
        return require_list(connection, watchlist_id)


def change_watchlist(
    connection: Connection, caller: Caller, at: datetime, watchlist_id: int, said: object, revision: int | None
) -> Watchlist:
    """Change what was said of one, of a revision or of any.

    Raises:
        Refused: what was said is wrong.
        NotFound: he has no such list.
        Outdated: it is of another revision.
        Conflicting: he has another one of that name.
    """
    with at_desk(connection, caller, at):
        wanted = fields.read(WATCHLIST_FIELDS, said, is_new=False)
        require_list(connection, watchlist_id)
        others = (each for each in watchlists.list_lists(connection) if each.watchlist_id != watchlist_id)
        if any(each.name == wanted.get("name") for each in others):
            raise Conflicting(f'there is another watchlist "{wanted["name"]}"')
        require_same(
            watchlists.change_list(connection, watchlist_id, wanted, revision, at), f"watchlist {watchlist_id}"
        )
        return require_list(connection, watchlist_id)


def delete_watchlist(
    connection: Connection, caller: Caller, at: datetime, watchlist_id: int, revision: int | None
) -> None:
    """Delete one with its items and their alerts, of a revision or of any.

    Raises:
        NotFound, Outdated: as of `change_watchlist`.
    """
    with at_desk(connection, caller, at):
        require_list(connection, watchlist_id)
        require_same(watchlists.delete_list(connection, watchlist_id, revision), f"watchlist {watchlist_id}")


def require_list(connection: Connection, watchlist_id: int) -> Watchlist:
    """A list of the user of the transaction.

    Raises:
        NotFound: he has no such list.
    """
    found = watchlists.list_lists(connection, watchlist_id)
    if not found:
        raise NotFound(f"there is no watchlist {watchlist_id}")
    return found[0]
