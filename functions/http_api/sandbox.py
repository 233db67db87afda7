"""What a sandbox keeps from one request to the next: settings, a connection that cannot write, the cache."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from psycopg import Connection

from chandlery.platform import schema
from chandlery.platform.connection import connect
from chandlery.platform.errors import Retryable
from chandlery.platform.settings import Settings, WarmUp, read_settings
from chandlery.platform.statements import SQL
from chandlery.reading.cache import Cache, Shared
from chandlery.reading.cache.server import cache_server
from chandlery.reference.store.instrument_pages import InstrumentEntry, find_entry

from .deadline import Deadline

COMPONENT = "http_api"
# How long a look at the schema is believed: a migration beneath a sandbox shows within it.
_CHECKED_SECONDS = 30.0
_PACKAGE = Path(schema.__file__).parents[1]

Answer = TypeVar("Answer")


class Sandbox:
    """One sandbox; it answers one request at a time, as Lambda's do."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._checked_at = 0.0
        self._stops_at = math.inf
        self._to_warm: Sequence[WarmUp] | None = None
        self._instruments: dict[str, InstrumentEntry] = {}
        self._deadline = Deadline()

    @cached_property
    def settings(self) -> Settings:
        """The settings of this process."""
        return read_settings()

    @cached_property
    def cache(self) -> Cache:
        """Answers to hand out again while the data they came from is the same."""
        server = cache_server(self.settings)
        return Cache(
            self.settings.cache_bytes,
            Shared(server.url, server.key) if server else None,
            timeout_seconds=self.settings.cache_redis_timeout_seconds,
            clock=time.monotonic,
            version=_version() if server else "",
        )

    def stop_after(self, seconds: float) -> None:
        """Give up whatever is read for longer than so many seconds from now."""
        self._stops_at = time.monotonic() + seconds

    def read(self, work: Callable[[Connection], Answer]) -> Answer:
        """Do some reading; once more on a new connection where the one kept turns out to be dead.

        Raises:
            Retryable: the database does not answer, or not in time: `stop_after`'s, or the setting's for a statement.
            Permanent: the login or the schema is not as it must be, or what `work` raises.
        """
        connection = self._connection
        if connection is not None:
            try:
                return self._work(connection, work)
            except Retryable:
                if not connection.closed:
                    raise
        connection = self._connection = connect(
            self.settings,
            COMPONENT,
            read_only=True,
            timeout_seconds=self.settings.api_statement_timeout_seconds,
        )
        self._checked_at = 0.0
        return self._work(connection, work)

    def _work(self, connection: Connection, work: Callable[[Connection], Answer]) -> Answer:
        # Several statements, each in time, may be too long all in all.
        seconds = self._stops_at - time.monotonic()
        if seconds <= 0:
            raise Retryable("there was no time left to ask the database")
        with self._deadline.over(connection, seconds):
            self._check(connection)
            return work(connection)

    def begin_warm_up(self) -> Sequence[WarmUp]:
        """The series to have in the cache from the start; none once this was asked."""
        series, self._to_warm = self._to_warm, ()
        return series if series is not None else self.settings.cache_warm_up

    def known_instrument(self, key: str) -> InstrumentEntry | None:
        """The instrument of a key as it was last found, since the schema was checked; none where nobody asked."""
        return self._instruments.get(key)

    def find_instrument(self, connection: Connection, key: str) -> InstrumentEntry:
        """The instrument of a key as it is now, which is known from now on.

        Raises:
            NotFound: there is none.
        """
        self._instruments.pop(key, None)
        found = self._instruments[key] = find_entry(connection, key)
        return found

    def _check(self, connection: Connection) -> None:
        now = time.monotonic()
        if self._checked_at == 0.0 or now - self._checked_at > _CHECKED_SECONDS:
            schema.check(connection)
            self._instruments.clear()
            self._checked_at = now

    def close(self) -> None:
        """Forget the connection and the cache."""
        if self._connection is not None:
            self._connection.close()
        self._deadline.close()
        self.__dict__.clear()
        self.__init__()  # type: ignore[misc]  # as new


def _version() -> str:
    """What tells this code from any other, which may answer otherwise from the same data."""
    made = hashlib.sha256()
    for folder, pattern in ((_PACKAGE, "**/*.py"), (Path(__file__).parent, "*.py"), (SQL / "queries", "**/*.sql")):
        for file in sorted(folder.glob(pattern)):
            made.update(file.read_bytes())
    return made.hexdigest()[:16]


SANDBOX = Sandbox()
