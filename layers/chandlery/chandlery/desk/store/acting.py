"""Transactions in a role that row-level security knows, whoever is logged in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from psycopg import Connection

from chandlery.platform.connection import transaction
from chandlery.platform.statements import run

Role = Literal["chandlery_desk", "chandlery_alerts"]


@contextmanager
def acting_for(connection: Connection, user_id: str) -> Iterator[None]:
    """One transaction that sees and changes rows of one user alone.

    A superuser's, too: by the role it takes.

    Raises:
        Permanent: the login is no member of `chandlery_desk`; or what the transaction raises.
    """
    with _acting(connection, "chandlery_desk", user_id):
        yield


@contextmanager
def evaluating(connection: Connection) -> Iterator[None]:
    """One transaction that sees the alerts of all users, and nothing else of theirs; one at a time.

    Raises:
        Permanent: the login is no member of `chandlery_alerts`; or what the transaction raises.
    """
    with _acting(connection, "chandlery_alerts", ""):
        run(connection, "lock_alerts")
        yield


@contextmanager
def _acting(connection: Connection, role: Role, user_id: str) -> Iterator[None]:
    with transaction(connection):
        (was, *_) = run(connection, "take_role", role=role, user_id=user_id).fetchone() or ("none",)
        yield
        # A dry run goes on in the same transaction.
        run(connection, "give_role_back", role=was)
