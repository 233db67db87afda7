"""Whether all is well: a rule for each thing that is measured; the verdict is the worst of what they find.

A rule takes what was measured, and yields a cause for each thing that is not as it should be. To judge something else,
measure it (`Measured`, `health/measure_health.py`) and add its rule to `RULES`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chandlery.health.domain.measured import LastRun, Measured
from chandlery.health.domain.rhythm import RHYTHMS
from chandlery.words.counting import spell
from chandlery.words.duration import between, in_words
from chandlery.words.remark import Remark

WARNING_SECONDS = 120.0
DELAYED_SECONDS = 300.0
FAILURES_IN_A_ROW = 3
MESSAGE_SECONDS = 900.0
# Below these a feed's minutes are missing in such number that its candles cannot be relied on.
LEAST_COVERAGE = {"coverage_24h": (0.99, "24 hours"), "coverage_7d": (0.98, "7 days")}

_IDLE = {"switched_off": "is switched off, and does nothing", "dry_run": "does only dry runs, and writes nothing"}


class Health(StrEnum):
    """How well something is, from the best to the worst.

    HEALTHY: as it should be. WARNING: somebody should look; what is read is fresh. DELAYED: what is read is late, or
    incomplete, or soon will be. FAILING: a component fails whenever it is tried, or what is read is wrong.
    """

    HEALTHY = "HEALTHY"
    WARNING = "WARNING"
    DELAYED = "DELAYED"
    FAILING = "FAILING"

    @property
    def rank(self) -> int:
        """0 for the best."""
        return list(Health).index(self)

    @property
    def serves(self) -> bool:
        """Whether what is read may be relied on to be fresh."""
        return self in (Health.HEALTHY, Health.WARNING)


@dataclass(frozen=True)
class Cause:
    """Why the verdict is not better than `health`: what is meant, and what is the matter with it, in plain words."""

    health: Health
    subject: str
    says: str


@dataclass(frozen=True)
class Verdict:
    """The worst of what was measured, and each cause by name, the worst first."""

    health: Health
    causes: Sequence[Cause]


Rule = Callable[[Measured], Iterator[Cause]]


def judge(measured: Measured) -> Verdict:
    """The verdict on what was measured."""
    causes = sorted((cause for rule in RULES for cause in rule(measured)), key=lambda cause: -cause.health.rank)
    return Verdict(causes[0].health if causes else Health.HEALTHY, causes)


def health_of_lag(seconds: float) -> Health:
    """HEALTHY up to two minutes, WARNING up to five, DELAYED beyond."""
    if seconds > DELAYED_SECONDS:
        return Health.DELAYED
    return Health.WARNING if seconds > WARNING_SECONDS else Health.HEALTHY


def judge_emptiness(measured: Measured) -> Iterator[Cause]:
    """Of a desk without instruments nothing is expected, which is no fault; but it is said."""
    if not measured.has_instruments:
        said = Remark("none yet, so nothing is expected", ": chandlery instruments add")
        yield Cause(Health.HEALTHY, "instruments", said)


def judge_freshness(measured: Measured) -> Iterator[Cause]:
    """The newest candle of each feed and calendar, against the calendar's open hours."""
    for each in measured.freshness:
        newest = "none in the last 14 days"
        if each.newest_candle:
            newest = f"the newest starts {_ago(each.newest_candle, measured.at)}"
        behind = f"{in_words(each.behind_seconds)} of open hours without one"
        yield from _late(each.behind_seconds, f"candles of {each.feed}, {each.calendar}", f"{newest}; {behind}")


def judge_feeds(measured: Measured) -> Iterator[Cause]:
    """Silence of feeds that should be sending."""
    for feed, seconds in measured.silent_seconds.items():
        yield from _late(seconds, f"feed {feed}", f"has sent nothing for {in_words(seconds)}, in session")


def judge_latency(measured: Measured) -> Iterator[Cause]:
    """Feeds whose ticks come later than they may, as the live gap monitor last found them."""
    late = measured.reported_by("live_gap_monitor").get("late_feeds", ())
    for each in measured.feed_latencies:
        if each["feed"] in late:
            half, most = (in_words(each[f"latency_{share}_seconds"]) for share in ("p50", "p99"))
            said = f"its ticks come late: half of them within {half}, 99 of 100 within {most} of their own time"
            yield Cause(Health.WARNING, f"feed {each['feed']}", said)


def judge_imports(measured: Measured) -> Iterator[Cause]:
    """Of a feed that never sent nothing is expected, which is no fault of imported history; but it is said."""
    for feed in measured.imported_feeds:
        revive = f"; if it should: chandlery feeds set {feed} --live"
        said = Remark("all its data were imported, so it need not send", revive)
        yield Cause(Health.HEALTHY, f"feed {feed}", said)


def judge_waiting(measured: Measured) -> Iterator[Cause]:
    """Minutes with ticks that are not aggregated: the live processor's, and those that the gap monitors take."""
    if measured.waiting_since:
        # Its minute had to end before it could be done.
        seconds = (measured.at - measured.waiting_since).total_seconds() - 60
        oldest = f"the oldest began {_ago(measured.waiting_since, measured.at)}"
        yield from _late(seconds, "minutes", f"wait for the live processor; {oldest}")
    if measured.old_waiting_since:
        oldest = f"the oldest began {_ago(measured.old_waiting_since, measured.at)}"
        yield Cause(Health.WARNING, "minutes", f"wait for the gap monitors; {oldest}")


def judge_punctuality(measured: Measured) -> Iterator[Cause]:
    """Components that should have run by their schedule."""
    if not measured.runs:
        if measured.has_instruments:
            said = Remark("none has ever run", ": chandlery up, or deploy the stack")
            yield Cause(Health.DELAYED, "components", said)
        return
    for component, rhythm in RHYTHMS.items():
        if _is_missed(component, measured):
            run = measured.runs.get(component)
            last = f"last ran {_ago(run.scheduled_at, measured.at)}" if run else "has never run"
            yield Cause(Health.DELAYED, component, f"{last}; it is due every {in_words(rhythm.every)}")


def judge_runs(measured: Measured) -> Iterator[Cause]:
    """Components that fail, or that write nothing."""
    for component, run in measured.runs.items():
        if run.status in _IDLE:
            yield Cause(Health.WARNING, component, _IDLE[run.status])
        if run.failures_in_a_row:
            yield _failing(component, run)


def judge_aggregates(measured: Measured) -> Iterator[Cause]:
    """How far each aggregate is behind."""
    for aggregate, seconds in measured.aggregate_lags.items():
        yield from _late(seconds, aggregate, f"is {in_words(seconds)} behind")


def judge_gaps(measured: Measured) -> Iterator[Cause]:
    """Open gaps, and how much they are of what is expected."""
    gaps = measured.gaps
    if gaps.gaps and gaps.oldest:
        whose = f", of {gaps.oldest_key}," if gaps.oldest_key else ""
        oldest = f"the oldest{whose} began {_ago(gaps.oldest, measured.at)}"
        others = "".join(f"; {count:,} of {name}" for name, count in gaps.of_others.items())
        said = f"{gaps.gaps:,} open, of {spell(gaps.minutes, 'minute')}; {oldest}{others}"
        remedy = ": chandlery gaps" + (" --dataset NAME" if others else "")
        yield Cause(Health.WARNING, "gaps", Remark(said, remedy))
    told = measured.reported_by("live_gap_monitor")
    for name, (least, stretch) in LEAST_COVERAGE.items():
        coverage = told.get(name)
        if coverage is not None and coverage < least:
            said = f"of the last {stretch} is {coverage:.2%}, below {least:.0%}"
            yield Cause(Health.DELAYED, "coverage", Remark(said, ": chandlery coverage"))


def judge_calendars(measured: Measured) -> Iterator[Cause]:
    """Calendars beyond whose end nothing is expected, and so nothing is missed."""
    for calendar in measured.reported_by("live_gap_monitor").get("ending_calendars", ()):
        said = Remark("has no sessions 30 days ahead", ": chandlery sessions sync")
        yield Cause(Health.WARNING, f"calendar {calendar}", said)


def judge_policies(measured: Measured) -> Iterator[Cause]:
    """Drift that stays, jobs of the database, and whether anybody carries the policies out."""
    told = measured.reported_by("policy_maintenance")
    permission = len(told.get("waiting_for_permission", ()))
    if permission:
        said = f"{spell(permission, 'change waits', 'changes wait')} for the operator"
        yield Cause(Health.WARNING, "policies", Remark(said, ": chandlery policies plan"))
    waits = told.get("drift", 0) - told.get("drift_applied", 0) - permission
    if waits > 0:
        said = f"{spell(waits, 'differs', 'differ')} from those wanted"
        yield Cause(Health.WARNING, "policies", Remark(said, ": chandlery policies plan"))
    for name, what in (("failing_jobs", "fails"), ("late_jobs", "is late")):
        for job in told.get(name, ()):
            yield Cause(Health.WARNING, "jobs", f"one {what}: {job}")
    if not measured.scheduler_runs and not _keeps_policies(measured):
        said = "not carried out: neither a background scheduler nor policy_maintenance runs"
        yield Cause(Health.DELAYED, "policies", said)


def judge_derived(measured: Measured) -> Iterator[Cause]:
    """Aggregates whose buckets are not what their rows make, or stand twice."""
    if measured.wrong_buckets:
        said = f"a day's samples found {spell(measured.wrong_buckets, 'wrong bucket')}"
        yield Cause(Health.FAILING, "aggregates", Remark(said, ": chandlery verify --repair"))


def judge_history(measured: Measured) -> Iterator[Cause]:
    """What the last runs left behind: aggregates to be refreshed, indicators to be computed, changes to be judged."""
    if stale := measured.reported_by("policy_maintenance").get("stale_waiting", 0):
        said = f"{spell(stale, 'mark of changed hours waits', 'marks of changed hours wait')} to be refreshed"
        yield Cause(Health.WARNING, "aggregates", said)
    told = measured.reported_by("historical_processor")
    if measured.indicators_are_off:
        yield Cause(Health.WARNING, "indicators", "are switched off, and none is computed")
    if marks := told.get("indicator_marks_left", 0):
        said = f"{spell(marks, 'instrument-hour waits', 'instrument-hours wait')} to be computed"
        yield Cause(Health.WARNING, "indicators", said)
    if unfilled := told.get("indicators_unfilled", 0):
        said = f"{spell(unfilled, 'new one is', 'new ones are')} not filled over history yet"
        yield Cause(Health.WARNING, "indicators", said)
    if waits := measured.reported_by("signal_processor").get("signal_marks_left", 0):
        yield Cause(Health.WARNING, "signals", f"{spell(waits, 'change waits', 'changes wait')} to be judged by rules")


def judge_messages(measured: Measured) -> Iterator[Cause]:
    """What waits in the outbox for longer than a run or two: what is read is right, but others are not told of it."""
    told = measured.reported_by("policy_maintenance")
    seconds = told.get("outbox_age_seconds", 0)
    if seconds > MESSAGE_SECONDS:
        why = "".join(f"; {reason}" for reason in told.get("undelivered", ())[:1])
        waiting = spell(told.get("outbox_waiting", 0), "waits", "wait")
        said = f"{waiting} to be delivered, the oldest for {in_words(seconds)}{why}"
        yield Cause(Health.WARNING, "messages", Remark(said, ": chandlery outbox list"))
    if refused := told.get("outbox_refused", 0):
        said = f"{spell(refused, 'was', 'were')} refused for good"
        yield Cause(Health.WARNING, "messages", Remark(said, ": chandlery outbox list"))


RULES: Sequence[Rule] = (
    judge_freshness,
    judge_feeds,
    judge_latency,
    judge_waiting,
    judge_punctuality,
    judge_runs,
    judge_aggregates,
    judge_derived,
    judge_gaps,
    judge_policies,
    judge_calendars,
    judge_history,
    judge_messages,
    judge_emptiness,
    judge_imports,
)


def _late(seconds: float, subject: str, says: str) -> Iterator[Cause]:
    health = health_of_lag(seconds)
    if health is not Health.HEALTHY:
        yield Cause(health, subject, says)


def _failing(component: str, run: LastRun) -> Cause:
    failures = run.failures_in_a_row
    times = "once" if failures == 1 else f"{failures:,} times in a row"
    health = Health.FAILING if failures >= FAILURES_IN_A_ROW else Health.WARNING
    return Cause(health, component, f"failed {times}: {run.error or 'see its row in market.runs'}")


def _is_missed(component: str, measured: Measured) -> bool:
    """Whether its last run is older than it may be; of one that never ran, the first run of any."""
    run = measured.runs.get(component)
    since = run.scheduled_at if run else min(each.first_recorded_at for each in measured.runs.values())
    return measured.at - since > RHYTHMS[component].patience


def _keeps_policies(measured: Measured) -> bool:
    run = measured.runs.get("policy_maintenance")
    is_idle = run is not None and run.status in _IDLE
    # Where nothing ran, that is told already.
    return not measured.runs or not (is_idle or _is_missed("policy_maintenance", measured))


def _ago(moment: datetime, at: datetime) -> str:
    return f"at {moment.isoformat().replace('+00:00', 'Z')}, {between(moment, at)} ago"
