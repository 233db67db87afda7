"""The end of a component's run: what it wrote for others is delivered, and what earlier runs left."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from chandlery.outbox.deliver_messages import deliver_messages
from chandlery.outbox.domain.message import Publish
from chandlery.outbox.publish.event_bus import EventBus
from chandlery.outbox.publish.topic import Topic
from chandlery.outbox.publish_changes import publish_changes
from chandlery.outbox.store import messages
from chandlery.platform.component import Run
from chandlery.platform.settings import Settings

# What there is to tell of.
ALERTS, CHANGES, SIGNALS = "alerts", "changes", "signals"
TOPICS = (ALERTS, CHANGES, SIGNALS)
# What one call of AWS may take, with what it tries again.
_LONGEST_CALL_SECONDS = 15


@dataclass(frozen=True)
class OutboxReport:
    """What became of messages at the end of a run.

    `outbox_waiting` counts those left, `outbox_refused` of them were refused for good; `outbox_age_seconds` is how long
    the oldest of the others has waited, 0 where none does. `undelivered` says why some were not taken, a reason once.
    """

    outbox_sent: int
    outbox_failed: int
    outbox_waiting: int
    outbox_refused: int
    outbox_age_seconds: float
    undelivered: Sequence[str]


def delivering(*topics: str) -> Callable[[Run], Mapping[str, Any]]:
    """What a component does at the end of its run that writes messages of these topics.

    It delivers what waits of them, and counts it; changes of data become messages first, where they are told. Nothing
    is asked of the database where messages have nowhere to go, and changes are not told.
    """

    def finish(run: Run) -> Mapping[str, Any]:
        if CHANGES in topics and run.settings.changes_published:
            publish_changes(run.connection, run.scheduled_at, has_time=run.has_time)
        wanted = {topic: publish for topic, publish in publishers(run.settings).items() if topic in topics}
        return asdict(_deliver(run, wanted)) if wanted else {}

    return finish


def tend_outbox(run: Run) -> Mapping[str, Any]:
    """What policy maintenance does: it delivers messages of every topic, and removes what is old."""
    counts = delivering(*TOPICS)(run)
    before = run.scheduled_at - timedelta(days=run.settings.outbox_keep_days)
    undelivered = sorted(set(TOPICS).difference(publishers(run.settings)))
    removed = messages.remove_old(run.connection, before, undelivered)
    return {**counts, "outbox_removed": removed} if removed else counts


def publishers(settings: Settings) -> Mapping[str, Publish]:
    """Where the messages of each topic go; topics that have nowhere to go are left out."""
    found: dict[str, Publish] = {}
    if settings.event_bus_name is not None:
        found |= dict.fromkeys((CHANGES, SIGNALS), _bus(settings.event_bus_name).publish)
    if settings.alert_topic_arn is not None:
        found[ALERTS] = _topic(settings.alert_topic_arn).publish
    return found


def _deliver(run: Run, wanted: Mapping[str, Publish]) -> OutboxReport:
    done = [
        deliver_messages(
            run.connection,
            topic,
            publish,
            at=run.scheduled_at,
            has_time=lambda: run.has_time(_LONGEST_CALL_SECONDS),
        )
        for topic, publish in wanted.items()
    ]
    waiting = [each for each in messages.count_waiting(run.connection) if each.topic in wanted]
    ages = [(run.scheduled_at - each.oldest_at).total_seconds() for each in waiting if each.oldest_at]
    return OutboxReport(
        outbox_sent=sum(each.sent for each in done),
        outbox_failed=sum(each.failed for each in done),
        outbox_waiting=sum(each.messages for each in waiting),
        outbox_refused=sum(each.refused for each in waiting),
        outbox_age_seconds=max(ages, default=0.0),
        undelivered=list(dict.fromkeys(reason for each in done for reason in each.reasons)),
    )


# Kept as long as the sandbox, and their connections with them.
_bus, _topic = cache(EventBus), cache(Topic)
