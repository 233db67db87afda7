"""Hold rules against what was known: each signal is to be raised again by data cut off when it was."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.platform.errors import psycopg_errors_translated
from chandlery.signals.domain.rule import Rule
from chandlery.signals.store.judgements import ChangedBuckets, Judge, Spoken
from chandlery.words.window import Window


@dataclass(frozen=True)
class LookaheadReport:
    """Signals that were raised again by data cut off when each was, and those that were not: their rules peek."""

    signals: int
    peeking: Sequence[Spoken]


def check_lookahead(
    connection: Connection,
    rules: Sequence[Rule],
    instrument_ids: Sequence[int],
    window: Window,
    *,
    most: int,
    progress: Callable[[int, int], None],
) -> LookaheadReport:
    """Judge a window by all data, then each signal by data cut off at its time; nothing stays written.

    Args:
        connection: in autocommit mode.
        rules: each by itself.
        instrument_ids: of which instruments.
        window: whose buckets, closed at its end.
        most: signals of each rule, at most: the newest.
        progress: told after each rule how many are done, of how many.

    Raises:
        Retryable, Permanent: from the database.
    """
    peeking: list[Spoken] = []
    count = 0
    for number, rule in enumerate(rules, 1):
        with psycopg_errors_translated(), connection.transaction(force_rollback=True):
            judge = Judge(connection, rule.timeframe, [rule])
            stretches = [ChangedBuckets(each, window.starts, window.ends) for each in instrument_ids]
            spoken = [each for each in judge.judge(stretches, window.ends) if window.starts <= each.time < window.ends]
            spoken = sorted(spoken, key=lambda each: each.time)[-most:]
            peeking += _missing(judge, spoken, window.ends)
            count += len(spoken)
        progress(number, len(rules))
    return LookaheadReport(count, peeking)


def _missing(judge: Judge, spoken: Sequence[Spoken], at: datetime) -> Sequence[Spoken]:
    """Those that are not raised again."""
    if not spoken:
        return []
    judge.cut(spoken)
    stretches = [
        ChangedBuckets(place, each.time, judge.timeframe.next_bucket(each.time)) for place, each in enumerate(spoken, 1)
    ]
    again = {(each.instrument_id, each.time) for each in judge.judge(stretches, at, is_cut=True)}
    return [each for place, each in enumerate(spoken, 1) if (place, each.time) not in again]
