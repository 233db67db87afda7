"""The policies as the database has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chandlery.policies.domain.drops import DueChunk


@dataclass(frozen=True)
class FoundTable:
    """A table as the database has it; columns of the columnstore as `a, b DESC`, empty where it has none.

    `columnar_chunks` are in the columnstore.
    """

    table_name: str
    relation: str
    chunk_interval: timedelta
    segment_by: str
    order_by: str
    minmax: str
    columnar_chunks: int


@dataclass(frozen=True)
class Density:
    """The room that a day's rows of a table take before they are columns, none without any; the desk's instruments."""

    table_name: str
    bytes_a_day: int | None
    instruments: int


@dataclass(frozen=True)
class FoundJob:
    """A job as the database has it, and how its runs went.

    `kind` is a PolicyKind, one of CARELESS, or null: a stranger's. `age` is a refresh's start, else how old a chunk is
    when the job takes it. `late_seconds` is how long its next run has been overdue. `first_start` is null
    without a fixed schedule.
    """

    job_id: int
    kind: str | None
    table_name: str | None
    procedure: str
    schedule: timedelta
    age: timedelta | None
    end_offset: timedelta | None
    first_start: datetime | None
    scheduled: bool
    failed: bool
    error: str | None
    runs: int
    late_seconds: float


@dataclass(frozen=True)
class Found:
    """The policies found; `at` is the moment by which retention would drop rows.

    `due` are the chunks older than the retention wanted; `released` says from which age on the operator lets rows of a
    table be dropped; `densities` are of the tables whose chunks follow theirs.
    """

    at: datetime
    tables: Mapping[str, FoundTable]
    jobs: Sequence[FoundJob]
    due: Sequence[DueChunk] = ()
    released: Mapping[str, timedelta] = field(default_factory=dict)
    densities: Mapping[str, Density] = field(default_factory=dict)

    def jobs_of(self, table: str, kind: str) -> Sequence[FoundJob]:
        """A table's jobs of one kind, the oldest first."""
        return [job for job in self.jobs if (job.table_name, job.kind) == (table, kind)]

    def due_of(self, table: str) -> Sequence[DueChunk]:
        """A table's chunks that retention would drop: those that came in their time."""
        return [chunk for chunk in self.due if chunk.table_name == table and chunk.history is None]

    @property
    def strangers(self) -> Sequence[FoundJob]:
        """Jobs that are nobody's business here."""
        return [job for job in self.jobs if job.kind is None]
