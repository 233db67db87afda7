"""Judge by rules what changed, and raise and end signals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from psycopg import Connection

from chandlery.datasets.candles import CANDLES
from chandlery.indicators.process_history import HistoryReport
from chandlery.indicators.store import unindicated
from chandlery.platform.connection import transaction
from chandlery.platform.errors import Permanent
from chandlery.signals.domain.rule import Rule, together
from chandlery.signals.domain.source import source_of
from chandlery.signals.store import judgements, kept_rules, marks
from chandlery.signals.store.judgements import ChangedBuckets, Judge
from chandlery.signals.store.kept_rules import Entry
from chandlery.signals.store.marks import ChangedStretch
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, MINUTE

_EVER = "-infinity"
# Buckets of history that are judged at a time, at least: what stands before each stretch is read for it again.
_LEAST_BUCKETS = 100
_LONGEST = 366 * DAY
_MOST_REMOVED = 50_000


@dataclass(frozen=True)
class SignalReport:
    """What a run did.

    Signals raised, `backfilled` or not, and others that came from outside; those that their candles, revised, no longer
    bear out, and those that they do again; ends that were set, moved or taken back otherwise; old ones that were
    removed. Marks that are due, and rules with history still to be judged. Of the indicators before them: values new,
    changed and deleted.
    """

    signals_raised: int = 0
    signals_from_outside: int = 0
    signals_revised: int = 0
    signals_reopened: int = 0
    signals_ended: int = 0
    signals_removed: int = 0
    signal_marks_left: int = 0
    rules_unfilled: int = 0
    values_written: int = 0
    values_changed: int = 0
    values_deleted: int = 0
    marks_taken: int = 0

    @property
    def changed(self) -> bool:
        """Whether the run left anything other than it found it."""
        counts = replace(self, signal_marks_left=0, rules_unfilled=0)
        return counts != SignalReport()

    def __add__(self, other: "SignalReport") -> "SignalReport":
        """Both together, but for what is left."""
        return replace(
            self,
            signals_raised=self.signals_raised + other.signals_raised,
            signals_from_outside=self.signals_from_outside + other.signals_from_outside,
            signals_revised=self.signals_revised + other.signals_revised,
            signals_reopened=self.signals_reopened + other.signals_reopened,
            signals_ended=self.signals_ended + other.signals_ended,
        )


def process_signals(
    connection: Connection,
    scheduled_at: datetime,
    *,
    rules: Sequence[Rule],
    compute: Callable[[], HistoryReport],
    piece_instruments: int,
    fill_rows: int,
    has_time: Callable[[], bool],
    most_pieces: int | None = None,
    is_published: bool = False,
    keep: timedelta | None = None,
) -> SignalReport:
    """Compute the indicators of what changed, then judge it; then history, for rules that are new.

    Judging is done in pieces, each one transaction: it takes marks, raises and ends signals, and leaves messages.

    Args:
        connection: in autocommit mode.
        scheduled_at: the run's identity and only clock, aware.
        rules: those that are kept up.
        compute: brings up to date what rules see; asked where there is any rule, or an open signal.
        piece_instruments: instruments whose changes one transaction judges, about.
        fill_rows: candles of history that one transaction judges, about.
        has_time: asked before each piece whether another one fits.
        most_pieces: pieces, at most; None: as many as there is time for.
        is_published: whether messages tell of what was raised, and of its ends; never of what was backfilled.
        keep: how long signals that have ended are kept, by the time of their buckets; None: for ever.

    Raises:
        Permanent: a rule says something else under a version that is known, or speaks under a name from outside.
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    _keep(connection, rules, scheduled_at)
    history = compute() if rules or judgements.is_any_open(connection) else None
    kept_from = scheduled_at - keep if keep else None
    judging = _Judging(connection, rules, scheduled_at, kept_from, is_published=is_published)
    report, pieces = SignalReport(), 0
    while pieces != most_pieces and has_time():
        found = judging.judge_changes(piece_instruments)
        report, pieces = report + found.report, pieces + 1
        if not found.is_more:
            break
    is_indicated = history is not None and (history.indicators_switched_off or not _left(history))
    while is_indicated and pieces != most_pieces and has_time():
        filled = judging.fill(fill_rows)
        if filled is None:
            break
        report, pieces = report + filled, pieces + 1
    removed = judgements.remove(connection, kept_from, _MOST_REMOVED) if kept_from and has_time() else 0
    return replace(
        report,
        signals_removed=removed,
        signal_marks_left=marks.count(connection, scheduled_at),
        rules_unfilled=sum(each.filled_from is not None for each in kept_rules.list_all(connection)),
        values_written=history.values_written if history else 0,
        values_changed=history.values_changed if history else 0,
        values_deleted=history.values_deleted if history else 0,
        marks_taken=history.marks_taken if history else 0,
    )


def _left(history: HistoryReport) -> int:
    """What is still to be refreshed and computed: rules would not see it."""
    return history.indicators_unfilled + history.indicator_marks_left + history.marks_left


def _keep(connection: Connection, rules: Sequence[Rule], at: datetime) -> None:
    known = {(each.strategy, each.version): each.digest for each in kept_rules.list_all(connection)}
    for rule in rules:
        if known.get((rule.strategy, rule.version), rule.digest) != rule.digest:
            raise Permanent(
                f"{rule.strategy} has changed, and is still version {rule.version}: give it another version, so that"
                " its signals tell which rule they are of"
            )
    new = [each for rule in rules if (each := (rule.strategy, rule.version)) not in known]
    for name, version in kept_rules.list_taken(connection, new) if new else ():
        raise Permanent(f"{name} version {version} has signals from outside: give the rule another name or version")
    if known.keys() != {(rule.strategy, rule.version) for rule in rules}:
        kept_rules.keep(connection, [_entry(rule) for rule in rules], at)


def _entry(rule: Rule) -> Entry:
    sources = dict.fromkeys(source_of(each) for each in rule.references())
    sees = dict.fromkeys(
        [f"{CANDLES.name} {rule.timeframe}", *(f"{each.dataset} {each.timeframe}" for each in sources)]
    )
    return Entry(rule.strategy, rule.version, rule.timeframe, rule.digest, list(sees))


@dataclass(frozen=True)
class _Piece:
    report: SignalReport
    is_more: bool


class _Judging:
    """A run's judging: its rules by their timeframes."""

    def __init__(
        self,
        connection: Connection,
        rules: Sequence[Rule],
        at: datetime,
        kept_from: datetime | None,
        *,
        is_published: bool,
    ) -> None:
        self._connection, self._rules, self._at, self._settled = connection, rules, at, at - MINUTE
        self._kept_from, self._is_published = kept_from, is_published
        self._judges = [Judge(connection, timeframe, some) for timeframe, some in together(rules)]

    def judge_changes(self, most: int) -> _Piece:
        """Take marks of some `most` instruments, and judge what changed."""
        with transaction(self._connection):
            judgements.lock(self._connection)
            changed = marks.take(self._connection, self._at, most)
            outside = marks.take_outside(self._connection, most)
            marks.keep(self._connection, list(self._still_open(changed)))
            events = [
                event for judge in self._judges for event in judge.write(self._stretches(judge, changed), self._at)
            ]
            report = self._end([*events, *(("outside", each) for each in outside)], _minutes(changed))
        return _Piece(report, bool(changed or outside))

    def fill(self, rows: int) -> SignalReport | None:
        """Judge the newest stretch of history by the rules of one timeframe that have not; None when all have."""
        kept = {(each.strategy, each.version): each.filled_from for each in kept_rules.list_all(self._connection)}
        for timeframe, some in together(self._rules):
            froms = {rule: filled for rule in some if (filled := kept.get((rule.strategy, rule.version)))}
            if froms:
                newest = max(froms.values())
                return self._fill(timeframe, [rule for rule in froms if froms[rule] == newest], newest, rows)
        return None

    def _fill(self, timeframe: Timeframe, rules: Sequence[Rule], until: datetime, rows: int) -> SignalReport:
        ids = kept_rules.list_instruments(self._connection, until)
        last = timeframe.ceil_bucket(until)
        oldest = unindicated.find_first_candle(self._connection, timeframe)
        oldest = max(oldest, self._kept_from) if oldest and self._kept_from else oldest
        oldest = oldest and timeframe.floor_bucket(oldest) - (2 * DAY if timeframe.by_session else MINUTE)
        width, buckets = timeframe.width or 31 * DAY, max(rows // max(len(ids), 1), _LEAST_BUCKETS)
        first = timeframe.floor_bucket(last - min(buckets * width, _LONGEST))
        is_last = oldest is None or first <= oldest
        first = max(first, oldest) if oldest else first
        with transaction(self._connection):
            judgements.lock(self._connection)
            stretches = (
                [ChangedBuckets(each, first, last) for each in ids] if oldest is not None and oldest < last else []
            )
            report = self._end(Judge(self._connection, timeframe, rules).write(stretches, self._at), {})
            names = [(rule.strategy, rule.version) for rule in rules]
            kept_rules.set_filled(self._connection, names, _EVER if is_last else first)
        return report

    def _end(self, events: Sequence[tuple[str, int]], changed: Mapping[int, datetime]) -> SignalReport:
        counts = {name: [number for event, number in events if event == name] for name in dict(events)}
        ended = judgements.end(self._connection, changed, [number for _, number in events], self._at)
        if self._is_published:
            judgements.publish(self._connection, counts, [number for number, _ in ended], self._at)
        return SignalReport(
            signals_raised=len(counts.get("raised", [])),
            signals_from_outside=len(counts.get("outside", [])),
            signals_revised=len(counts.get("revised", [])),
            signals_reopened=len(counts.get("reopened", [])),
            signals_ended=len(ended),
        )

    def _stretches(self, judge: Judge, changed: Sequence[ChangedStretch]) -> Sequence[ChangedBuckets]:
        """What the rules of a timeframe see of what changed, as stretches of their own candles."""
        seen = {(each.dataset, each.timeframe) for each in (judge.compiled.own, *judge.compiled.sources)}
        found = [
            ChangedBuckets(each.instrument_id, judge.timeframe.floor_bucket(starts), ends)
            for each in changed
            for name, timeframe in seen
            if name == each.dataset and each.timeframe in _names(name, timeframe)
            for starts, ends in [(timeframe.floor_bucket(each.starts), timeframe.ceil_bucket(each.ends))]
        ]
        return list(_joined(found))

    def _still_open(self, changed: Sequence[ChangedStretch]) -> Iterator[tuple[ChangedStretch, datetime]]:
        """What other data sets than candles changed in buckets that are open; candles have marks of their own then."""
        seen = {source for judge in self._judges for source in judge.compiled.sources}
        for each in changed:
            timeframes = [source.timeframe for source in seen if each.dataset in {source.dataset} - {CANDLES.name}]
            due_at = [
                timeframe.ceil_bucket(each.ends) + MINUTE
                for timeframe in timeframes
                if timeframe.ceil_bucket(each.ends) > self._settled
            ]
            if due_at:
                yield each, min(due_at)


def _names(name: str, timeframe: Timeframe) -> tuple[str | None]:
    """By which timeframe a mark names what is seen: other data sets than candles are marked by their rows."""
    return (timeframe,) if name == CANDLES.name else (None,)


def _minutes(changed: Sequence[ChangedStretch]) -> Mapping[int, datetime]:
    """Since when minutes of instruments changed."""
    found: dict[int, datetime] = {}
    for each in changed:
        if (each.dataset, each.timeframe) == (CANDLES.name, None):
            found[each.instrument_id] = min(each.starts, found.get(each.instrument_id, each.starts))
    return found


def _joined(stretches: Sequence[ChangedBuckets]) -> Iterator[ChangedBuckets]:
    """The same without overlap, in order."""
    last: ChangedBuckets | None = None
    for each in sorted(stretches, key=lambda each: (each.instrument_id, each.first)):
        if last and last.instrument_id == each.instrument_id and each.first <= last.last:
            last = replace(last, last=max(last.last, each.last))
            continue
        if last:
            yield last
        last = each
    if last:
        yield last
