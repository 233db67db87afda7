"""Rows of records on their way into a data set's table: the instruments they name, and what was dropped there."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import Connection
from psycopg import errors as pg

from chandlery.importing.store.rows import Lot, RowsWritten, RowWriter
from chandlery.ingest.domain.rows import SentRow
from chandlery.platform.errors import psycopg_errors_translated
from chandlery.platform.statements import run, statement
from chandlery.words.window import Window

_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True)
class SentLot(Lot):
    """Rows with the same columns, and the instrument of each."""

    sent: Sequence[SentRow] = ()
    instrument_ids: Sequence[int] = ()


def lot_of(rows: Sequence[SentRow], instruments: Mapping[str, int]) -> SentLot:
    """Rows as a lot; their places are those in `rows`, from 0 on."""
    moments = [row.moment for row in rows]
    ids = [instruments[row.key] for row in rows]
    return SentLot(len(rows), min(moments), max(moments), (), rows[0].columns, "", sent=rows, instrument_ids=ids)


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

    _copies: bool = field(default=True, init=False)
    _is_new: bool = field(default=True, init=False)

    def write(self, lot: Lot) -> RowsWritten:
        """As any lot is written; what becomes of it depends on itself alone, whatever was rolled back before."""
        lists = self._lists(lot)
        if self._is_new and self._stream(lot, "copy_rows", lists, placed=False):
            return RowsWritten(lot.rows)
        self._is_new = False
        self._run("write_rows:drop_said_rows", lists)
        self._ready = False
        return super().write(lot)

    def _fill(self, lot: Lot, lists: Mapping[str, str], instrument_ids: list[int]) -> None:
        if not self._stream(lot, "write_rows:copy_said_rows", lists, placed=True):
            text = _as_json(lot, instrument_ids)
            self._run("write_rows:fill_said_rows", lists, rows=text, instrument_ids=instrument_ids)

    def _stream(self, lot: Lot, name: str, lists: Mapping[str, str], *, placed: bool) -> bool:
        """Whether the rows were streamed: not where the database cannot, or has one of them."""
        if not self._copies or not isinstance(lot, SentLot):
            return False
        copying = statement(name, self.dataset.name, lists=tuple(lists.items()))
        try:
            with self.connection.transaction(), self.connection.cursor() as cursor, cursor.copy(copying) as copy:
                copy.write(_as_text(lot, placed=placed))
        except pg.FeatureNotSupported:
            self._copies = False
            return False
        except pg.UniqueViolation:
            return False
        except psycopg.Error:
            with psycopg_errors_translated():
                raise
        return True


def _as_text(lot: SentLot, *, placed: bool) -> str:
    lines = ["\t".join(row.cells) for row in lot.sent]
    whole = "\n".join(lines)
    if (
        "\\" in whole
        or "\r" in whole
        or whole.count("\n") != len(lines) - 1
        or whole.count("\t") != len(lines) * (len(lot.columns) - 1)
    ):
        lines = ["\t".join([cell.translate(_ESCAPED) for cell in row.cells]) for row in lot.sent]
    if placed:
        lines = [f"{line}\t{place}" for place, line in enumerate(lines)]
    told = zip(lot.instrument_ids, lines, strict=True)
    return "".join([f"{instrument_id}\t{line}\n" for instrument_id, line in told])


def _as_json(lot: Lot, instrument_ids: Sequence[int]) -> str:
    if not isinstance(lot, SentLot):
        raise TypeError("rows of files have a writer of their own")
    places = {instrument_id: place for place, instrument_id in enumerate(instrument_ids, 1)}
    return json.dumps(
        [
            {**dict(zip(row.columns, row.cells, strict=True)), "instrument_id": places[instrument_id], "#line": place}
            for place, (row, instrument_id) in enumerate(zip(lot.sent, lot.instrument_ids, strict=True))
        ]
    )
