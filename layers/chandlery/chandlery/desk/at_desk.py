"""Let a caller to his desk: what he asks for is done in one transaction that sees his rows alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from psycopg import Connection

from chandlery.desk.domain.fields import WrongField
from chandlery.desk.domain.user import Caller
from chandlery.desk.store import users
from chandlery.desk.store.acting import acting_for
from chandlery.desk.store.users import User
from chandlery.platform.errors import Forbidden, Outdated, Refused


@contextmanager
def at_desk(connection: Connection, caller: Caller, at: datetime) -> Iterator[None]:
    """One transaction of a caller, who is received in it; what is wrong with a field is refused.

    Raises:
        Forbidden: the operator has taken his desk away.
        Refused: a field is wrong.
        Retryable, Permanent: from the database.
    """
    with acting_for(connection, caller.user_id):
        if not users.receive(connection, caller, at):
            raise Forbidden("this user may not use the desk; the operator has switched him off (users.is_active)")
        try:
            yield
        except WrongField as error:
            raise Refused(error.field, f"{error.field} {error}") from None


def describe_user(connection: Connection, caller: Caller, at: datetime) -> User:
    """What is known of a caller.

    Raises:
        Forbidden, Retryable, Permanent: as of `at_desk`.
    """
    with at_desk(connection, caller, at):
        return users.describe(connection, caller.user_id)


def require_same(is_done: bool, what: str) -> None:
    """Refuse a change that was not done of something that is there: it was to be of another revision.

    Raises:
        Outdated: it was not done.
    """
    if not is_done:
        raise Outdated(f"{what} was changed meanwhile: read it again, and say the change of what it is now")
