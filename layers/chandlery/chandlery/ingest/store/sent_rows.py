"""Rows of records on their way into a data set's table: the instruments they name, and what was dropped there."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NoReturn

from psycopg import Connection

from chandlery.importing.store.rows import Lot, RowsWritten, RowWriter
from chandlery.ingest.domain.rows import SentRow
from chandlery.platform.statements import run
from chandlery.words.window import Window

_KEY, _MOMENT, _CELLS = map(itemgetter, (2, 3, 5))  # of a row
_BLOCK_ROWS = 5_000
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True)
class SentLot(Lot):
    """Rows with the same columns, and whose each is: the id of its instrument."""

    sent: Sequence[SentRow] = ()
    whose: Sequence[int] = ()


def lot_of(rows: Sequence[SentRow], instruments: Mapping[str, int]) -> SentLot:
    """Rows as a lot; their places are those in `rows`, from 0 on."""
    moments = list(map(_MOMENT, rows))
    whose = [instruments[key] for key in map(_KEY, rows)]
    starts, ends = min(moments), max(moments)
    return SentLot(len(rows), starts, ends, (), rows[0].columns, _of_no_file, _of_no_file, sent=rows, whose=whose)


def find_instruments(connection: Connection, keys: Collection[str]) -> dict[str, int]:
    """The instruments of keys; those that are not stored are left out."""
    return dict(run(connection, "find_instruments", keys=list(keys)).fetchall())


def hold_drops(connection: Connection, dataset: str) -> Sequence[Window]:
    """What retention has dropped of a data set, in order; nothing more is dropped before the transaction ends."""
    run(connection, "hold_drops", dataset=dataset)
    return [Window(starts, ends) for starts, ends in run(connection, "list_dropped", dataset=dataset)]


@dataclass
class SentRowWriter(RowWriter):
    """Writes lots in the fastest way that the database and the rows allow.

    Straight COPY first: rows are new as a rule. Once one is stored already, through a place where rows wait; there as
    JSON, where the database cannot COPY.
    """

    _is_new: bool = field(default=True, init=False)

    def write(self, lot: Lot) -> RowsWritten:
        """As any lot is written; what becomes of it depends on itself alone, whatever was rolled back before."""
        lists = self._lists(lot)
        if self._is_new and self._stream("copy_rows", lists, lambda: _as_text(_sent(lot), placed=False)):
            return RowsWritten(lot.rows)
        self._is_new = False
        self._run("write_rows:drop_said_rows", lists)
        self._ready = False
        return super().write(lot)

    def _fill(self, lot: Lot, lists: Mapping[str, str], instrument_ids: list[int]) -> None:
        if not self._stream("write_rows:copy_said_rows", lists, lambda: _as_text(_sent(lot), placed=True)):
            text = _as_json(_sent(lot), instrument_ids)
            self._run("write_rows:fill_said_rows", lists, rows=text, instrument_ids=instrument_ids)


def _of_no_file(*_: object) -> NoReturn:
    raise TypeError("rows that were sent are written by a writer of their own")


def _sent(lot: Lot) -> SentLot:
    if not isinstance(lot, SentLot):
        raise TypeError("rows of files are written by a writer of their own")
    return lot


def _as_text(lot: SentLot, *, placed: bool) -> Iterator[str]:
    """Lines of text, in blocks: the database reads the first while the next is made."""
    for start in range(0, len(lot.sent), _BLOCK_ROWS):
        some = lot.sent[start : start + _BLOCK_ROWS]
        lines = list(map("\t".join, map(_CELLS, some)))
        if _is_unusual("\n".join(lines), len(lines), len(lot.columns)):
            lines = ["\t".join([cell.translate(_ESCAPED) for cell in row.cells]) for row in some]
        if placed:
            lines = [f"{line}\t{place}" for place, line in enumerate(lines, start)]
        told = zip(lot.whose[start : start + _BLOCK_ROWS], lines, strict=True)
        yield "".join([f"{instrument_id}\t{line}\n" for instrument_id, line in told])


def _is_unusual(text: str, lines: int, columns: int) -> bool:
    """Whether a cell holds what parts cells and lines."""
    tabs, ends = text.count("\t"), text.count("\n")
    return "\\" in text or "\r" in text or (tabs, ends) != (lines * (columns - 1), lines - 1)


def _as_json(lot: SentLot, instrument_ids: Sequence[int]) -> str:
    """As `Lot.text` has it."""
    places = {instrument_id: place for place, instrument_id in enumerate(instrument_ids, 1)}
    return json.dumps(
        [
            {**dict(zip(row.columns, row.cells, strict=True)), "instrument_id": places[instrument_id], "#line": place}
            for place, (row, instrument_id) in enumerate(zip(lot.sent, lot.whose, strict=True))
        ]
    )
