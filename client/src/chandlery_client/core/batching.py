"""Rows as records: batches of N rows or bytes, and what became of each row."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from uuid import uuid4

import msgspec

from chandlery_client.errors import BadAnswer, BadArgument, RefusedRow
from chandlery_client.rows.sent import SentRow

from .asking import path
from .decoding import decode
from .wire import Request, Response

Row = TypeVar("Row", bound=SentRow)
MOST_ROWS = 10_000
# The server takes 4 MiB unpacked, header included.
_MOST_LINES_BYTES = 4 * 1024 * 1024 - 1024
# What the server reads, packed or not; some hundred rows are packed to a tenth.
_KIND = "application/gzip"
REFUSED = frozenset({422})


@dataclass(frozen=True, slots=True)
class _LineProblem:
    line: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class _Taken:
    new: int = 0
    known: int = 0
    bad: int = 0
    conflicting: int = 0
    cancelled: int = 0
    errors: list[_LineProblem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of rows.

    Attributes:
        new: rows that were written.
        known: rows that say again what was stored.
        cancelled: stored rows that were taken back.
        refused: rows that are bad, or in conflict with what is stored.
        refused_unnamed: rows refused beyond those the server names, which are a thousand a batch.
    """

    new: int = 0
    known: int = 0
    cancelled: int = 0
    refused: tuple[RefusedRow, ...] = ()
    refused_unnamed: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(
            self.new + other.new,
            self.known + other.known,
            self.cancelled + other.cancelled,
            self.refused + other.refused,
            self.refused_unnamed + other.refused_unnamed,
        )


@dataclass(frozen=True, slots=True)
class Batch(Generic[Row]):
    """Rows that go together; the same batch sent again changes nothing."""

    rows: Sequence[Row]
    request: Request

    def sent(self, response: Response) -> Sent:
        """What became of its rows.

        Raises:
            BadAnswer: the answer is of another form.
        """
        taken = decode(response.body, _Taken)
        named = {each.line: each.detail for each in taken.errors if each.line is not None}
        if response.status in REFUSED and not named:
            raise BadAnswer("rows were refused, and none is named")
        # The header is line 1.
        refused = tuple(RefusedRow(row, named[at]) for at, row in enumerate(self.rows, 2) if at in named)
        all_bad = len(self.rows) if response.status in REFUSED else taken.bad + taken.conflicting
        return Sent(taken.new, taken.known, taken.cancelled, refused, max(all_bad - len(refused), 0))


class Batcher(Generic[Row]):
    """Gathers rows of one data set into batches."""

    def __init__(self, row: type[Row], *, feed: str, producer: str, rows: int, batch_id: str | None = None) -> None:
        if not 1 <= rows <= MOST_ROWS:
            raise BadArgument(f"batch_rows: {rows:,} is not from 1 to {MOST_ROWS:,}")
        self._row, self._most_rows = row, rows
        self._header = {"data_set": row.data_set, "schema_version": 1, "feed": feed, "producer": producer}
        self._prefix, self._number = batch_id or uuid4().hex, 0
        self._path = path(row.data_set.replace("_", "-"))
        self._lines: list[bytes] = []
        self._rows: list[Row] = []
        self._bytes = 0

    def add(self, row: Row | Mapping[str, object]) -> list[Batch[Row]]:
        """Take a row, and give the batches that are full without it, or with it.

        Raises:
            pydantic.ValidationError: a mapping does not make such a row.
            BadArgument: it is a row of another data set.
        """
        checked = self._checked(row)
        line = checked.model_dump_json(exclude_none=True).encode()
        full = self.rest() if self._bytes + len(line) + 1 > _MOST_LINES_BYTES else []
        self._lines.append(line)
        self._rows.append(checked)
        self._bytes += len(line) + 1
        return full + (self.rest() if len(self._rows) >= self._most_rows else [])

    def rest(self) -> list[Batch[Row]]:
        """The batch of the rows that are left, where there are any."""
        if not self._rows:
            return []
        self._number += 1
        header = msgspec.json.encode({**self._header, "batch_id": f"{self._prefix}-{self._number:06}"})
        body = gzip.compress(b"\n".join((header, *self._lines)), compresslevel=5, mtime=0)
        batch = Batch(tuple(self._rows), Request("POST", self._path, headers={"Content-Type": _KIND}, body=body))
        self._lines, self._rows, self._bytes = [], [], 0
        return [batch]

    @property
    def waiting(self) -> Sequence[Row]:
        """The rows that stand in no batch yet."""
        return tuple(self._rows)

    def _checked(self, row: Row | Mapping[str, object]) -> Row:
        if isinstance(row, Mapping):
            return self._row.model_validate(row)
        if not isinstance(row, self._row):
            raise BadArgument(f"a writer of {self._row.__name__} takes no {type(row).__name__}")
        return row
