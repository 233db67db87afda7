"""Measure what the health of a desk is judged by."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.gaps.find_gaps import count_open
from chandlery.gaps.store import scans
from chandlery.gaps.store.scans import OpenGaps
from chandlery.health.domain.measured import Gaps, Measured
from chandlery.minutes.store import marks
from chandlery.platform import runs
from chandlery.policies.store import policies
from chandlery.reference.store import feeds, instruments
from chandlery.words.window import Window, floor_minute


def measure_health(connection: Connection, at: datetime) -> Measured:
    """All that health is judged by, as of a moment, aware.

    Every query is cheap whatever is stored, since `/health` waits for them: what only a run can afford to find out is
    taken from its report. Only instruments and healed gaps are those of now: the former have no date, the latter no
    index.

    Raises:
        Retryable, Permanent: from the database.
    """
    waiting_since, old_waiting_since = marks.find_waiting(connection, Window.day_before(floor_minute(at)))
    return Measured(
        at,
        has_instruments=instruments.count(connection) > 0,
        runs={run.component: run for run in runs.list_last(connection, at)},
        freshness=feeds.list_freshness(connection, at),
        silent_seconds={each.feed: each.silent_seconds for each in feeds.list_feed_silence(connection, at)},
        waiting_since=waiting_since,
        old_waiting_since=old_waiting_since,
        aggregate_lags=policies.list_aggregate_lags(connection, at),
        gaps=_together(scans.sum_open(connection, declared.watched(), at)),
        wrong_buckets=runs.count_wrong_buckets(connection, at),
        scheduler_runs=policies.describe_scheduler(connection, at).runs,
        imported_feeds=feeds.list_imported(connection),
    )


def _together(open_of: Mapping[str, Sequence[OpenGaps]]) -> Gaps:
    of_feeds = [feed for feeds in open_of.values() for feed in feeds]
    first = min(of_feeds, key=lambda feed: feed.oldest, default=None)
    return Gaps(
        gaps=sum(feed.gaps for feed in of_feeds),
        minutes=sum(feed.minutes for feed in of_feeds),
        oldest=first.oldest if first else None,
        oldest_key=first.oldest_key if first else "",
        of_others={name: count for name, count in count_open(open_of).items() if name != declared.DEFAULT.name},
    )
