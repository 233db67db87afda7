"""Feeds: whose ticks they are, and how long each may be silent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.health.domain.measured import Freshness
from chandlery.platform.statements import read_rows, run


@dataclass(frozen=True)
class Feed:
    """A feed; after `silence_seconds` on end without a tick it has fallen silent (60: never).

    Of one that is not `live` no ticks are expected as time goes on: it was said so, or all its data were imported.
    `last_tick_second` is the last second known to have had a tick, UTC; null before the first.
    """

    feed: str
    instruments: int
    silence_seconds: int
    live: bool
    last_tick_second: datetime | None


def list_all(connection: Connection) -> Sequence[Feed]:
    """Every feed that an instrument names or that somebody set, by name."""
    return read_rows(connection, Feed, "list_feeds")


def list_freshness(connection: Connection, at: datetime) -> Sequence[Freshness]:
    """How fresh the candles of each live feed and calendar are at a moment."""
    return read_rows(connection, Freshness, "list_freshness", at=at)


def set_limit(connection: Connection, feed: str, silence_seconds: int) -> None:
    """Give a feed a limit of its own, 1 to 60 seconds.

    Minutes graded before keep their grade until one of their ticks, or their session, changes.

    Raises:
        Permanent: the limit is out of bounds.
        Retryable: from the database.
    """
    run(connection, "upsert_feed", feed=feed, silence_seconds=silence_seconds, live=None)


def set_live(connection: Connection, feed: str, *, live: bool) -> None:
    """Say whether ticks are expected of a feed as time goes on.

    Raises:
        Retryable: from the database.
    """
    run(connection, "upsert_feed", feed=feed, silence_seconds=None, live=live)


def begin(connection: Connection, feed: str, at: datetime) -> None:
    """Say that a feed all of whose data were imported sends from now on; of any other, that changes nothing.

    Raises:
        Retryable: from the database.
    """
    run(connection, "begin_feed", feed=feed, at=at)


def list_imported(connection: Connection) -> Sequence[str]:
    """Feeds of which nothing is expected since all their data were imported, unless that was said, by name."""
    return [feed for (feed,) in run(connection, "list_imported_feeds")]


@dataclass(frozen=True)
class FeedSilence:
    """Seconds since a feed's last tick, while it should be sending."""

    feed: str
    silent_seconds: float


def list_feed_silence(connection: Connection, at: datetime) -> Sequence[FeedSilence]:
    """How long each feed in session has been silent at a moment, by its ticks' own times."""
    return read_rows(connection, FeedSilence, "list_feed_silence", at=at)


@dataclass(frozen=True)
class FeedLatency:
    """How long a feed's rows were under way, from their own time until they came: half of them, and 99 in 100."""

    feed: str
    latency_p50_seconds: float
    latency_p99_seconds: float


def list_feed_latency(connection: Connection, at: datetime) -> Sequence[FeedLatency]:
    """How late the ticks of each live feed come, as a sample of the five minutes up to a moment tells."""
    return read_rows(connection, FeedLatency, "list_feed_latency", at=at)
