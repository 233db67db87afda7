"""Where collected trades go: the database, or whatever takes records; and where each said to go on."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from psycopg import Connection

from chandlery.datasets.ticks import TICKS
from chandlery.ingest.domain.envelope import SCHEMA_VERSION
from chandlery.ingest.domain.record import Record
from chandlery.ingest.ingest_records import ingest_records
from chandlery.ingest.store.newest_ticks import find_newest_ticks
from chandlery.platform.errors import Permanent, Retryable
from local.collecting.follower import Mark
from local.collecting.trade import Trade, milliseconds_of
from local.sending import Outcome, Target

_ROWS = 300  # of a record that is sent
_HEADER = {"data_set": TICKS.name, "schema_version": SCHEMA_VERSION, "producer": "chandlery collect"}


@dataclass
class Written:
    """What became of trades: those taken, new ones among them where that is known, and those refused, with reasons."""

    rows: int = 0
    new: int | None = None
    refused: list[str] = field(default_factory=list)


class Destination(Protocol):
    """Where trades go, in order of each instrument."""

    def find_marks(self, keys: Sequence[str]) -> Mapping[str, Mark]:
        """Where instruments' trades end there; those that have none are left out."""
        ...

    def write(self, trades: Sequence[Trade]) -> Written:
        """Write trades; the same again change nothing.

        Raises:
            Retryable: not now; the same may be written again.
            Permanent: nothing is taken there, or not from this caller.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def records(trades: Sequence[Trade], feed: str, batch_ids: Iterator[int], most: int) -> Iterator[str]:
    """Trades as records, in order."""
    for start in range(0, len(trades), most):
        batch_id = f"{trades[start].time:%Y-%m-%dT%H:%M} {next(batch_ids)}"
        header = {**_HEADER, "feed": feed, "batch_id": batch_id}
        rows = (trade.row() for trade in trades[start : start + most])
        yield "\n".join(json.dumps(line) for line in (header, *rows))


@dataclass
class Database:
    """The desk's own database: one transaction a batch.

    `connect` opens a connection, also in place of one that was lost; `now` is the exchange's time.
    """

    connect: Callable[[], Connection]
    feed: str
    now: Callable[[], datetime]
    _connection: Connection | None = field(default=None, init=False)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), init=False)

    def find_marks(self, keys: Sequence[str]) -> Mapping[str, Mark]:
        """Where instruments' trades end there."""
        newest = find_newest_ticks(self._open(), keys)
        return {key: Mark(milliseconds_of(time), seq) for key, (time, seq) in newest.items()}

    def write(self, trades: Sequence[Trade]) -> Written:
        """Write trades in one transaction."""
        bodies = records(trades, self.feed, self._numbers, 5_000)
        batch = [Record(str(number), body.encode()) for number, body in enumerate(bodies)]
        try:
            report = ingest_records(self._open(), batch, self.now())
        except Retryable:
            self.close()
            raise
        if report.turned_away:
            raise Retryable("the database cannot take some rows now: somebody else holds a lock")
        refused = [fault.reason for bad in report.bad for fault in bad.faults]
        return Written(report.rows_new + report.rows_known, report.rows_new, refused)

    def close(self) -> None:
        """Let go of the connection; another is opened when one is needed."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self.connect()
        return self._connection


@dataclass
class Sent:
    """A queue, a stream, or an HTTP API; a small file remembers where each instrument's trades ended."""

    target: Target
    feed: str
    state: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), init=False)

    def find_marks(self, keys: Sequence[str]) -> Mapping[str, Mark]:
        """What was sent before, as the file says."""
        known = self._read()
        return {key: Mark(*known[key]) for key in keys if key in known}

    def write(self, trades: Sequence[Trade]) -> Written:
        """Send trades, some hundred a record; the file is written once they were taken."""
        bodies, outcome = [*records(trades, self.feed, self._numbers, _ROWS)], Outcome()
        for start in range(0, len(bodies), self.target.at_once):
            self.target.send(bodies[start : start + self.target.at_once], outcome)
        taken = outcome.counts.get("accepted", min(outcome.sent * _ROWS, len(trades)))
        if taken:
            self._save({trade.key: (trade.time_ms, trade.seq) for trade in trades})
        return Written(taken, outcome.counts.get("new"), [*outcome.refused])

    def close(self) -> None:
        """Nothing is held open."""

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.state.read_text())
            return {key: (int(time_ms), int(seq)) for key, (time_ms, seq) in found.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError):
            raise Permanent(f"{self.state} is not what was left there; delete it to begin with the present") from None

    def _save(self, marks: Mapping[str, Any]) -> None:
        """Whole or not at all, whatever ends the program."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        written = self.state.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps({**self._read(), **marks}, indent=1))
        written.replace(self.state)
