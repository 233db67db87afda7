"""Bring a batch of records into the database: what is good of them in one transaction, what is bad with its reason."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from psycopg import Connection

from chandlery.datasets import declared
from chandlery.datasets.dataset import Dataset
from chandlery.importing.store.rows import RowsWritten, list_cells
from chandlery.ingest.domain.contradiction import contradiction
from chandlery.ingest.domain.envelope import Envelope, Unreadable, open_envelope
from chandlery.ingest.domain.record import BadRecord, Record
from chandlery.ingest.domain.rows import Fault, RowReader, SentRow
from chandlery.ingest.identify_instruments import Unknown, identify_instruments
from chandlery.ingest.store.sent_rows import SentRowWriter, hold_drops, lot_of
from chandlery.platform.connection import transaction
from chandlery.platform.errors import Retryable, RowsRefused
from chandlery.platform.statements import run
from chandlery.reference.store.feeds import FeedLatency
from chandlery.words.window import CLOCK_ALLOWANCE

_RECORD, _KEY, _MOMENT, _COLUMNS = map(itemgetter, (0, 2, 3, 4))  # of a row
# Once a row was turned away by a lock of somebody else, the others wait no longer than this for theirs.
_LOCK_MILLISECONDS = 500
# Where this many records were turned away, the cause is not in them: the others come again untried.
_MOST_AWAY = 10
# Once the database has refused this many rows of a record, those not yet written are bad untried: a record of thousands
# of such rows would outlast the function, and come again for ever.
_MOST_REFUSED = 100


@dataclass(frozen=True)
class IngestReport:
    """What became of a batch.

    Attributes:
        records: that came, one that came twice among them.
        rows_new: that were written.
        rows_known: that said again what was stored.
        rows_bad: that nobody can write, and whole records that nobody can read.
        rows_conflicting: that contradict what is stored, which stays.
        rows_cancelled: stored ones that were taken back.
        instruments_added: that rows named, and nobody knew.
        turned_away: records that the database could not take now, and may later, each once.
        bad: the bad records, each once; those with rows in conflict too.
        feeds: how late each one's rows were.
    """

    records: int
    rows_new: int
    rows_known: int
    rows_bad: int
    rows_conflicting: int
    rows_cancelled: int
    instruments_added: int
    turned_away: Sequence[str]
    bad: Sequence[BadRecord]
    feeds: Sequence[FeedLatency]

    @property
    def changed(self) -> bool:
        """Whether the batch left the database other than it found it."""
        return bool(self.rows_new or self.rows_cancelled or self.instruments_added)


def ingest_records(
    connection: Connection,
    records: Sequence[Record],
    received_at: datetime,
    *,
    unknown: Unknown | None = None,
    only: str | None = None,
    has_time: Callable[[float], bool] = lambda _: True,
) -> IngestReport:
    """Write what is good of records in one transaction; halving the batch finds the rows that the database refuses.

    Args:
        connection: in autocommit mode.
        records: in any order, any of them more than once.
        received_at: when the batch came, aware; its only clock.
        unknown: how to add instruments that nobody knows; None: their rows are bad.
        only: the one data set that the records may be of.
        has_time: whether these seconds are left to go on halving.

    Raises:
        Retryable: the database is away; nothing of the batch is written.
        Permanent: it refuses what no row is to blame for; nothing is written either.
    """
    batch = _Batch(connection, records, received_at, unknown, only, has_time)
    rows = batch.read()
    with transaction(connection):
        batch.write(rows)
    return batch.report()


@dataclass
class _Batch:
    """What has become of a batch so far. Records and their envelopes are known by their places in the batch."""

    connection: Connection
    records: Sequence[Record]
    received_at: datetime
    unknown: Unknown | None
    only: str | None
    has_time: Callable[[float], bool]
    _envelopes: dict[int, Envelope] = field(default_factory=dict, init=False)
    _faults: dict[int, list[Fault]] = field(default_factory=lambda: defaultdict(list), init=False)
    _away: set[int] = field(default_factory=set, init=False)
    _moments: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list), init=False)
    _refused: Counter[int] = field(default_factory=Counter, init=False)
    _written: RowsWritten = field(default_factory=RowsWritten, init=False)
    _rows: int = field(default=0, init=False)
    _bad: int = field(default=0, init=False)
    _added: int = field(default=0, init=False)

    def read(self) -> Mapping[Dataset, Sequence[SentRow]]:
        """The good rows of all records, by data set."""
        known = {each.name: each for each in declared.sent() if self.only in (None, each.name)}
        readers: dict[str, RowReader] = {}
        found: dict[Dataset, list[SentRow]] = defaultdict(list)
        for place, record in enumerate(self.records):
            try:
                envelope = self._envelopes[place] = open_envelope(record.body, record.attributes)
            except Unreadable as error:
                self._blame(place, [Fault(error.line, str(error))])
                continue
            name = envelope.header.data_set
            if name not in known:
                reason = f"data_set: {name} takes no records here; there are {', '.join(sorted(known))}"
                self._blame(place, [Fault(None, reason)])
                continue
            if name not in readers:
                required = {cell.name for cell in list_cells(self.connection, known[name]) if not cell.may_be_absent}
                readers[name] = RowReader(known[name], required, self.received_at + CLOCK_ALLOWANCE)
            good, bad = readers[name].read(envelope, place)
            found[known[name]] += good
            self._blame(place, bad)
        return found

    def write(self, found: Mapping[Dataset, Sequence[SentRow]]) -> None:
        """Write the good rows, those of one data set with the same columns together."""
        # In one order everywhere: two that write the same rows wait for each other at the first.
        for dataset, rows in sorted(found.items(), key=lambda each: each[0].name):
            kept, ids = self._identify(self._leave_out_dropped(dataset, rows))
            groups: dict[Sequence[str], list[SentRow]] = defaultdict(list)
            for columns, alike in groupby(kept, _COLUMNS):
                groups[columns].extend(alike)
            for _, group in sorted(groups.items()):
                group.sort(key=_MOMENT)
                group.sort(key=_KEY)
                self._write_group(dataset, group, ids)

    def _leave_out_dropped(self, dataset: Dataset, rows: Sequence[SentRow]) -> Sequence[SentRow]:
        dropped = hold_drops(self.connection, dataset.name)
        if not dropped or not rows or min(row.moment for row in rows) >= dropped[-1].ends:
            return rows
        kept = []
        for row in rows:
            if any(each.starts <= row.moment < each.ends for each in dropped):
                self._refuse(row, f"{dataset.time}: retention has dropped that stretch of {dataset.name}")
            else:
                kept.append(row)
        return kept

    def _identify(self, rows: Sequence[SentRow]) -> tuple[Sequence[SentRow], Mapping[str, int]]:
        """Rows and their instruments; those that nobody knows are added, or their rows are bad."""
        records = dict(zip(map(_KEY, rows), map(_RECORD, rows), strict=True))
        feeds = {key: self._envelopes[record].header.feed for key, record in records.items()}
        found = identify_instruments(self.connection, feeds, self.unknown)
        self._added += found.added
        if found.refused:
            for row in rows:
                if reason := found.refused.get(row.key):
                    self._refuse(row, reason)
            rows = [row for row in rows if row.key in found.ids]
        return rows, found.ids

    def _write_group(self, dataset: Dataset, rows: Sequence[SentRow], ids: Mapping[str, int]) -> None:
        whose = sorted(ids[key] for key in set(map(_KEY, rows)))
        writer = SentRowWriter(self.connection, dataset, lambda _: whose, named=len(rows))
        self._halve(writer, rows, ids)

    def _halve(self, writer: SentRowWriter, rows: Sequence[SentRow], ids: Mapping[str, int]) -> None:
        """Write rows, or each half of them where the database refuses, as long as there is time."""
        try:
            with transaction(self.connection):
                written = writer.write(lot_of(rows, ids))
        except RowsRefused as error:
            if len(rows) == 1:
                self._refused[rows[0].record] += 1
                self._refuse(rows[0], str(error))
                return
        except Retryable:
            if self.connection.closed:
                raise
            if len(rows) == 1:
                self._away.add(rows[0].record)
                return
            run(self.connection, "set_lock_timeout", milliseconds=_LOCK_MILLISECONDS)
        else:
            self._settle(rows, written)
            return
        for half in _halves(rows):
            # What comes again anyhow is not tried row by row, each waiting for a lock.
            some = [row for row in half if row.record not in self._away]
            if not some or self._give_up(some):
                continue
            if len(self._away) < _MOST_AWAY and self.has_time(2 * _LOCK_MILLISECONDS / 1000):
                self._halve(writer, some, ids)
            else:
                self._away |= {row.record for row in some}

    def _give_up(self, rows: Sequence[SentRow]) -> bool:
        """Whether rows are bad untried, since too many others of their records were refused."""
        if any(self._refused[row.record] < _MOST_REFUSED for row in rows):
            return False
        for row in rows:
            self._refuse(row, f"was not tried: the database had refused {_MOST_REFUSED} rows of its record")
        return True

    def _settle(self, rows: Sequence[SentRow], written: RowsWritten) -> None:
        """Count rows that were written, and name those that contradict what is stored."""
        for conflict in written.conflicts:
            row = rows[conflict.line]
            self._faults[row.record].append(
                Fault(row.line, contradiction(conflict.said, conflict.stored), self._sent(row))
            )
        self._written += written
        self._rows += len(rows)
        feeds = {place: each.header.feed for place, each in self._envelopes.items()}
        for feed, some in groupby(rows, lambda row: feeds[row[0]]):
            self._moments[feed].extend(map(_MOMENT, some))

    def _refuse(self, row: SentRow, reason: str) -> None:
        self._blame(row.record, [Fault(row.line, reason, self._sent(row))])

    def _blame(self, place: int, faults: Sequence[Fault]) -> None:
        self._bad += len(faults)
        if faults:
            self._faults[place].extend(faults)

    def _sent(self, row: SentRow) -> str:
        envelope = self._envelopes[row.record]
        return envelope.lines[row.line - envelope.first].decode()

    def report(self) -> IngestReport:
        """What became of the batch."""
        away = dict.fromkeys(self.records[place].record_id for place in sorted(self._away))
        bad = {
            self.records[place].record_id: BadRecord(
                self.records[place],
                self._envelopes[place].header if place in self._envelopes else None,
                sorted(self._faults[place], key=lambda fault: fault.line or 0),
            )
            for place in sorted(self._faults, reverse=True)
        }
        return IngestReport(
            records=len(self.records),
            rows_new=self._written.new,
            rows_known=self._rows - self._written.new - self._written.conflicting,
            rows_bad=self._bad,
            rows_conflicting=self._written.conflicting,
            rows_cancelled=self._written.cancelled,
            instruments_added=self._added,
            turned_away=[*away],
            bad=[each for record_id, each in reversed(bad.items()) if record_id not in away],
            feeds=[self._latency(feed, moments) for feed, moments in sorted(self._moments.items()) if moments],
        )

    def _latency(self, feed: str, moments: Sequence[datetime]) -> FeedLatency:
        latest_first = sorted(moments, reverse=True)
        half, most = (latest_first[len(moments) * share // 100] for share in (50, 99))
        return FeedLatency(feed, (self.received_at - half).total_seconds(), (self.received_at - most).total_seconds())


def _halves(rows: Sequence[SentRow]) -> tuple[Sequence[SentRow], Sequence[SentRow]]:
    """Of several records some and the others; of one, in half: no record waits for what is wrong with another."""
    records = sorted({row.record for row in rows})
    if len(records) == 1:
        return rows[: len(rows) // 2], rows[len(rows) // 2 :]
    first = set(records[: len(records) // 2])
    return [row for row in rows if row.record in first], [row for row in rows if row.record not in first]
