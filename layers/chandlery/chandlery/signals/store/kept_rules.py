"""The rules that are kept up, and how far each has judged history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.types.json import Jsonb

from chandlery.platform.connection import transaction
from chandlery.platform.statements import read_rows, run
from chandlery.words.timeframe import Timeframe


@dataclass(frozen=True)
class KeptRule:
    """A rule as the database knows it; `filled_from` is none where all of history has been judged by it."""

    strategy: str
    version: str
    timeframe: str
    digest: str
    filled_from: datetime | None


@dataclass(frozen=True)
class Entry:
    """A rule as it is to be kept; `sees` are data sets with their timeframes, as in `candles 1h`."""

    strategy: str
    version: str
    timeframe: Timeframe
    digest: str
    sees: Sequence[str]


def keep(connection: Connection, entries: Sequence[Entry], at: datetime) -> None:
    """Make the rules that are kept up these; whoever writes indicators meanwhile is waited for, and marks for them."""
    with transaction(connection):
        run(connection, "lock_indicators")
        run(
            connection,
            "keep_signal_rules",
            strategies=[each.strategy for each in entries],
            versions=[each.version for each in entries],
            timeframes=[each.timeframe for each in entries],
            digests=[each.digest for each in entries],
            sees=[Jsonb(list(each.sees)) for each in entries],
            at=at,
        )


def list_all(connection: Connection) -> Sequence[KeptRule]:
    """All of them."""
    return read_rows(connection, KeptRule, "list_signal_rules")


def set_filled(connection: Connection, rules: Sequence[tuple[str, str]], filled_from: datetime | str) -> None:
    """Remember from where on rules, by name and version, have judged history."""
    strategies, versions = [name for name, _ in rules], [version for _, version in rules]
    run(connection, "set_rules_filled", strategies=strategies, versions=versions, filled_from=filled_from)


def list_instruments(connection: Connection, before: datetime) -> Sequence[int]:
    """The instruments that may have candles before a moment."""
    return [number for (number,) in run(connection, "list_filled_instruments", before=before)]
