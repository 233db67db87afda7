"""Judging stretches by rules, and what comes of it: signals raised, revised, and ended."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from psycopg import Connection
from psycopg.errors import NumericValueOutOfRange
from psycopg.types.json import Jsonb

from chandlery.indicators.store import indicators
from chandlery.platform.connection import transaction
from chandlery.platform.dry_run import alone
from chandlery.platform.errors import RowsRefused, psycopg_errors_translated
from chandlery.platform.statements import run, run_with, statement
from chandlery.signals.domain.compiled import Compiled
from chandlery.signals.domain.rule import Rule
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import DAY, MINUTE

# Beside those that judging takes: what was partial is no candle.
_SPARE_CANDLES = 50
# How often the look for candles before a stretch becomes eight times as long, before all that is stored is read.
_STEPS = 5


@dataclass(frozen=True)
class ChangedBuckets:
    """Changed buckets of an instrument, `[first, last)`."""

    instrument_id: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Spoken:
    """A rule speaks of an instrument at a time, and could at the earliest then."""

    rule: Rule
    instrument_id: int
    time: datetime
    known_at: datetime


class Judge:
    """Rules of one timeframe, ready to be asked."""

    def __init__(self, connection: Connection, timeframe: Timeframe, rules: Sequence[Rule]) -> None:
        self.compiled = Compiled(timeframe, rules)
        self._connection = connection
        self._relation = self.compiled.own.declared.relation(timeframe)
        self._fragments = tuple(self.compiled.fragments().items())

    @property
    def timeframe(self) -> Timeframe:
        """Of the rules."""
        return self.compiled.timeframe

    @cached_property
    def _indicator_ids(self) -> Sequence[int]:
        found = []
        for timeframe, name, parameters in self.compiled.indicators:
            found += indicators.number(self._connection, timeframe, [(name, parameters)])
        return found

    def write(self, stretches: Sequence[ChangedBuckets], at: datetime) -> Sequence[tuple[str, int]]:
        """Raise, revise and reopen signals in stretches; inside a transaction. Returns what happened, and to which.

        Raises:
            RowsRefused: a rule comes to a number that no double has.
        """
        if not stretches:
            return []
        rules = self.compiled.rules
        values = {
            **self._values(stretches, at),
            "timeframe": self.timeframe,
            "at": at,
            "tables": list(self.compiled.tables),
            "strategies": [each.strategy for each in rules],
            "versions": [each.version for each in rules],
            "directions": [int(each.direction) for each in rules],
            "strengths": [each.strength for each in rules],
            "confidences": [each.confidence for each in rules],
            "targets": [each.target for each in rules],
            "stops": [each.stop for each in rules],
            "sessions": [each.lifetime.sessions for each in rules],
            "buckets": [_lasts(each) for each in rules],
        }
        text = statement("write_signals", self._relation, "judge_rules", self._fragments)
        with psycopg_errors_translated(), alone(self._connection):
            try:
                return self._connection.execute(text, values).fetchall()
            except NumericValueOutOfRange as error:
                names = ", ".join(each.strategy for each in rules)
                raise RowsRefused(
                    f"a rule of {self.timeframe} ({names}): {error}; see what it multiplies or divides"
                ) from None

    def judge(self, stretches: Sequence[ChangedBuckets], at: datetime, *, is_cut: bool = False) -> Sequence[Spoken]:
        """Where the rules speak in stretches; nothing is written. With `is_cut` by the data that were cut off."""
        text = statement("judge_rules", self._relation, lists=self._fragments)
        if is_cut:
            # Sessions are known ahead.
            text = re.sub(r'market\.(?!sessions|known_at|show_number|average)(?="?\w)', "pg_temp.", text)
        with psycopg_errors_translated(), alone(self._connection):
            rows = self._connection.execute(text, self._values(stretches, at)).fetchall()
        rules = self.compiled.rules
        return [Spoken(rules[number - 1], of, time, known_at) for number, of, _, time, known_at, *_ in rows if number]

    def cut(self, spoken: Sequence[Spoken]) -> None:
        """Cut off what all of it sees where each was known: as of an instrument of its own, numbered from one.

        Inside a transaction that is rolled back.
        """
        connection, candles = self._connection, self.compiled.before + self.compiled.beyond + _SPARE_CANDLES
        run(connection, "cut_data:create_cuts")
        run(
            connection,
            "cut_data:write_cuts",
            instrument_ids=[each.instrument_id for each in spoken],
            cuts=[each.known_at for each in spoken],
            candles=candles,
            indicator_ids=list(self._indicator_ids),
        )
        for relation, lists in self.compiled.copied().items():
            run_with(connection, relation, lists, "cut_data:copy_rows")
            run_with(connection, relation, {}, "cut_data:index_rows")
        run(connection, "cut_data:copy_values")
        run(connection, "cut_data:index_values")

    def _values(self, stretches: Sequence[ChangedBuckets], at: datetime) -> Mapping[str, Any]:
        own = [
            number if timeframe is self.timeframe else None
            for number, (timeframe, _, _) in zip(self._indicator_ids, self.compiled.indicators, strict=True)
        ]
        width = self.timeframe.width or 31 * DAY
        # Of days that are made when they are read, no more than that: elsewhere an index ends the look.
        is_made = self.timeframe.by_session
        reach = 40 * DAY + 3 * self.compiled.before * width if is_made else 36_500 * DAY
        steps = [] if is_made else [2 * self.compiled.before * width * 8**number for number in range(_STEPS)]
        return {
            **self.compiled.parameters(),
            "described": Jsonb(list(self.compiled.described())),
            "indicator_ids": list(self._indicator_ids),
            "own_indicator_ids": own,
            "instrument_ids": [each.instrument_id for each in stretches],
            "firsts": [each.first for each in stretches],
            "lasts": [each.last for each in stretches],
            "reach": reach,
            "steps": steps,
            "settled": at - MINUTE,
        }


def _lasts(rule: Rule) -> timedelta | None:
    if rule.lifetime.buckets is None:
        return None
    return rule.lifetime.buckets * (rule.timeframe.width or 31 * DAY)


def end(
    connection: Connection, changed: Mapping[int, datetime], fresh: Sequence[int], at: datetime
) -> Sequence[tuple[int, str | None]]:
    """End signals, or move their ends; inside a transaction.

    Args:
        connection: in a transaction.
        changed: since when minutes of instruments changed.
        fresh: signals that were raised, revised or reopened just now.
        at: the run's scheduled time.

    Returns:
        Those whose end changed, and what ended them; None where it was taken back.
    """
    return run(
        connection,
        "end_signals",
        instrument_ids=list(changed),
        sinces=list(changed.values()),
        fresh=list(fresh),
        settled=at - MINUTE,
    ).fetchall()


def remove(connection: Connection, before: datetime, most: int) -> int:
    """Remove signals that have ended, of buckets before a moment, the oldest first; returns how many."""
    with transaction(connection):
        lock(connection)
        return run(connection, "remove_old_signals", before=before, most=most).rowcount


def is_any_open(connection: Connection) -> bool:
    """Whether any signal is open."""
    row = run(connection, "is_any_open").fetchone()
    return bool(row and row[0])


def lock(connection: Connection) -> None:
    """One writer of signals at a time, until the transaction ends."""
    run(connection, "lock_signals")


def publish(connection: Connection, events: Mapping[str, Sequence[int]], ended: Sequence[int], at: datetime) -> None:
    """Leave messages of signals that were raised, and of ends, in the same transaction; none of backfilled ones."""
    run(
        connection,
        "publish_signals",
        raised=[*events.get("raised", []), *events.get("outside", [])],
        ended=[*ended, *events.get("revised", []), *events.get("reopened", [])],
        at=at,
    )
