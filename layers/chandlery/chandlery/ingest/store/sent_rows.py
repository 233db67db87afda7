"""Rows of records on their way into a data set's table: the instruments they name, and what was dropped there."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import Connection
from psycopg import errors as pg

from chandlery.importing.store.rows import Lot, RowWriter
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
    """Writes lots that all have the same columns; streams them where the database can COPY."""

    _copies: bool = field(default=True, init=False)

    def begin(self, lot: Lot) -> None:
        """Make the place where rows wait, before any savepoint that may be rolled back."""
        lists = self._lists(lot)
        self._run("write_rows:drop_said_rows", lists)
        self._run("write_rows:create_said_rows", lists)
        self._ready = True

    def _fill(self, lot: Lot, lists: Mapping[str, str], instrument_ids: list[int]) -> None:
        if not isinstance(lot, SentLot):
            raise TypeError("rows of files have a writer of their own")
        if not (self._copies and self._stream(lot, lists)):
            text = _as_json(lot, instrument_ids)
            self._run("write_rows:fill_said_rows", lists, rows=text, instrument_ids=instrument_ids)

    def _stream(self, lot: SentLot, lists: Mapping[str, str]) -> bool:
        """Whether the rows were streamed: the embedded database cannot."""
        copying = statement("write_rows:copy_said_rows", lists=tuple(lists.items()))
        try:
            with self.connection.transaction(), self.connection.cursor() as cursor, cursor.copy(copying) as copy:
                copy.write(_as_text(lot))
        except pg.FeatureNotSupported:
            self._copies = False
        except psycopg.Error:
            with psycopg_errors_translated():
                raise
        return self._copies


def _as_text(lot: SentLot) -> str:
    tabs = len(lot.columns) - 1
    return "".join(
        f"{instrument_id}\t{_line(row.cells, tabs)}\t{place}\n"
        for place, (row, instrument_id) in enumerate(zip(lot.sent, lot.instrument_ids, strict=True))
    )


def _line(cells: Sequence[str], tabs: int) -> str:
    line = "\t".join(cells)
    if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != tabs:
        return "\t".join(cell.translate(_ESCAPED) for cell in cells)
    return line


def _as_json(lot: SentLot, instrument_ids: Sequence[int]) -> str:
    places = {instrument_id: place for place, instrument_id in enumerate(instrument_ids, 1)}
    return json.dumps(
        [
            {**dict(zip(row.columns, row.cells, strict=True)), "instrument_id": places[instrument_id], "#line": place}
            for place, (row, instrument_id) in enumerate(zip(lot.sent, lot.instrument_ids, strict=True))
        ]
    )
