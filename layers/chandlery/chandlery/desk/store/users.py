"""Users, as whoever let them in says who they are."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.desk.domain.user import Caller
from chandlery.platform.statements import read_rows, run


@dataclass(frozen=True)
class User:
    """What is stored of a user."""

    user_id: str
    username: str | None
    email: str | None
    is_active: bool
    is_admin: bool
    last_login: datetime | None
    created_at: datetime
    updated_at: datetime


def receive(connection: Connection, caller: Caller, at: datetime) -> bool:
    """Write down that a caller was here, who may be new; returns whether he may use the desk."""
    said = {"user_id": caller.user_id, "username": caller.username, "email": caller.email, "at": at}
    found = run(connection, "find_user", **said).fetchone()
    if found is None or found[1]:
        found = run(connection, "upsert_user", **said).fetchone()
    return bool(found and found[0])


def describe(connection: Connection, user_id: str) -> User:
    """The user of the transaction, who has been received."""
    return read_rows(connection, User, "describe_user", user_id=user_id)[0]
