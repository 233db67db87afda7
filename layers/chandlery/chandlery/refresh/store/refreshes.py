"""Refreshes of aggregates: one at a time of each, whoever starts it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum

from psycopg import Connection
from psycopg import errors as pg
from psycopg.errors import Diagnostic

from chandlery.platform.dry_run import runs_dry
from chandlery.platform.errors import Retryable
from chandlery.platform.session import require_own
from chandlery.platform.statements import run
from chandlery.words.window import Window

# A run with other work to do leaves its marks to the next one rather than wait longer.
PATIENCE = timedelta(seconds=5)


class Outcome(Enum):
    """What a refresh came to: it materialized, all was fresh already, or another one is at work: nothing is known."""

    REFRESHED = "refreshed"
    FRESH = "fresh"
    BUSY = "busy"


def refresh(
    connection: Connection, aggregate: str, window: Window, *, patience: timedelta | None = None, by_force: bool = False
) -> Outcome:
    """Materialize what changed of an aggregate's whole buckets in a window; the aggregate below it comes first.

    It holds the aggregate's refresh lock and the horizon: where rows have been dropped, nothing is touched.
    TimescaleDB refuses that inside a transaction: a dry run puts the buckets there itself, computed the same way.

    Args:
        connection: in autocommit mode, and not inside a transaction but a dry run's.
        aggregate: its name in the schema `market`.
        window: of whole buckets.
        patience: how long to wait for another refresh of the aggregate, or for retention; None: as a run does.
        by_force: whether to materialize all of it, fresh or not.

    Returns:
        FRESH only where the server's language lets it be told from REFRESHED.

    Raises:
        Retryable: something is in the way for too long, as a lock on a table.
        Permanent: from the database.
    """
    if runs_dry(connection):
        return _refresh_dry(connection, aggregate, window)
    require_own(connection, "refreshing what is derived")
    try:
        with _listening(connection) as notices, _released(connection, aggregate):
            row = run(
                connection,
                "refresh_aggregate",
                aggregate=aggregate,
                starts=window.starts,
                ends=window.ends,
                patience=patience or PATIENCE,
                by_force=by_force,
            ).fetchone()
    except Retryable as error:
        if _is_concurrent(error):
            return Outcome.BUSY
        raise
    if not (row and row[0]):
        return Outcome.BUSY
    is_fresh = any("is already up-to-date" in notice for notice in notices)
    return Outcome.FRESH if is_fresh else Outcome.REFRESHED


def _refresh_dry(connection: Connection, aggregate: str, window: Window) -> Outcome:
    row = run(connection, "try_lock_refresh", aggregate=aggregate).fetchone()
    if not (row and row[0]):
        return Outcome.BUSY
    run(connection, "recompute_derived", aggregate=aggregate, starts=window.starts, ends=window.ends)
    return Outcome.REFRESHED


def _is_concurrent(error: Retryable) -> bool:
    """Whether somebody refreshes without our lock, on a version that refuses the second one."""
    cause = error.__cause__
    return isinstance(cause, pg.LockNotAvailable) and "concurrent refresh" in (cause.diag.message_primary or "")


@contextmanager
def _released(connection: Connection, aggregate: str) -> Iterator[None]:
    """Let go of the locks after an error: they are the session's, and it is kept. With a broken one they went too."""
    try:
        yield
    except BaseException:
        if not connection.closed:
            run(connection, "release_refresh", aggregate=aggregate)
        raise


@contextmanager
def _listening(connection: Connection) -> Iterator[list[str]]:
    """The notices of statements."""
    notices: list[str] = []

    def listen(notice: Diagnostic) -> None:
        notices.append(notice.message_primary or "")

    connection.add_notice_handler(listen)
    try:
        yield notices
    finally:
        connection.remove_notice_handler(listen)
