"""Add signals from outside: each once, and none changes what was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from chandlery.ingest.store.sent_rows import find_instruments
from chandlery.platform.connection import transaction
from chandlery.platform.errors import Conflicting
from chandlery.signals.domain.said import Fault, SaidSignal
from chandlery.signals.read_signals import SignalsRefused
from chandlery.signals.store import kept_rules, said_signals


@dataclass(frozen=True)
class AddedSignals:
    """What became of signals: those new, those known, and their ids in the order in which they were sent."""

    signals_new: int
    signals_known: int
    ids: Sequence[int]


@dataclass(frozen=True)
class Contradiction:
    """A signal that was said otherwise before: which one, by its place from one, where, and both."""

    number: int
    fields: Sequence[str]
    sent: SaidSignal
    stored: SaidSignal


class SignalsConflicting(Conflicting):
    """What is sent contradicts what was said: nothing is written, and nothing changed."""

    def __init__(self, contradictions: Sequence[Contradiction]) -> None:
        first = contradictions[0]
        names = ", ".join(first.fields)
        super().__init__(
            f"signal {first.number} was said with another {names}; a signal never changes: send another version"
        )
        self.contradictions = contradictions


def add_signals(connection: Connection, said: Sequence[SaidSignal], received_at: datetime) -> AddedSignals:
    """Write all of them, or none, in one transaction; the signal processor publishes them, and follows them.

    Args:
        connection: in autocommit mode.
        said: each right by itself.
        received_at: when they came; where a signal does not say it, it was made then.

    Raises:
        SignalsRefused: an instrument is unknown, or a name is that of a rule.
        SignalsConflicting: one was said otherwise before.
        Retryable, Permanent: from the database.
    """
    with transaction(connection):
        instruments = find_instruments(connection, {each.instrument_key for each in said})
        rules = {(each.strategy, each.version) for each in kept_rules.list_all(connection)}
        faults = [
            fault
            for number, each in enumerate(said, 1)
            if (fault := _fault(number, each, each.instrument_key in instruments, rules))
        ]
        if faults:
            raise SignalsRefused(faults)
        new = said_signals.write(connection, said, instruments, received_at)
        stored = said_signals.find(connection, said, instruments)
        contradictions = [
            Contradiction(number, names, each, found)
            for number, (each, found) in enumerate(zip(said, stored, strict=True), 1)
            if (names := each.differences(found))
        ]
        if contradictions:
            raise SignalsConflicting(contradictions)
    ids = [each.id for each in stored]
    return AddedSignals(len(new), len(set(ids) - new), ids)


def _fault(number: int, said: SaidSignal, is_known: bool, rules: set[tuple[str, str]]) -> Fault | None:
    if not is_known:
        return Fault(number, "instrument_key", f"there is no {said.instrument_key}; add it: chandlery instruments add")
    if (said.strategy, said.strategy_version) in rules:
        return Fault(number, "strategy", "is a rule of signals.toml, which speaks for itself; send another version")
    return None
