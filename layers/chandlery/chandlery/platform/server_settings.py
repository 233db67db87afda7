"""How a server is set."""

from collections.abc import Collection, Mapping

from psycopg import Connection

from chandlery.platform.statements import run


def find(connection: Connection, names: Collection[str]) -> Mapping[str, tuple[str, bool]]:
    """Settings by name: the value in bytes, seconds or as it is, and whether a change needs a restart.

    Those that the server does not know are absent.

    Raises:
        Retryable, Permanent: from the database.
    """
    rows = run(connection, "list_server_settings", names=list(names)).fetchall()
    return {name: (value, needs_restart) for name, value, needs_restart in rows}
