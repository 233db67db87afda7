"""Rows to the server, in batches."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Generic, Self, TypeVar

from chandlery_client.core.batching import Batch, Batcher, Sent
from chandlery_client.core.delivering import Delivery, OnRefused
from chandlery_client.rows.sent import SentRow

from .shell import Shell

Row = TypeVar("Row", bound=SentRow)


class Writer(Generic[Row]):
    """Gathers rows into batches, and sends each when it is full: `add` waits meanwhile.

    The same rows sent again change nothing. A batch is sent again until its deadline; after that its rows are kept,
    `add` and `flush` raise `RowsUnsent`, and `flush` tries again.
    """

    def __init__(
        self,
        shell: Shell,
        row: type[Row],
        feed: str,
        producer: str,
        batch_rows: int,
        on_refused: OnRefused | None,
        *,
        flush_seconds: float,
    ) -> None:
        self._shell, self._flush_seconds = shell, flush_seconds
        self._batcher = Batcher(row, feed=feed, producer=producer, rows=batch_rows)
        self._delivery = Delivery(shell.exchange, self._batcher, on_refused)
        self._flushed_at = time.monotonic()

    @property
    def sent(self) -> Sent:
        """What became of the rows that were acknowledged."""
        return self._delivery.sent

    @property
    def unsent(self) -> tuple[Row, ...]:
        """Rows that no server has acknowledged."""
        return self._delivery.unsent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send the rest, unless the program is being ended.

        Raises:
            RowsUnsent: a batch failed.
            RowsRefused: rows were refused, and there is no `on_refused`.
        """
        if kind is None or issubclass(kind, Exception):
            self._give(self._batcher.rest())
        if kind is None:
            self._delivery.finish()

    def add(self, row: Row | Mapping[str, object]) -> None:
        """Take a row; where that makes a batch, or the oldest row has waited, it is sent first.

        Raises:
            RowsUnsent: a batch failed; where one had failed before, this row is not taken.
            pydantic.ValidationError: a mapping does not make such a row.
        """
        self._delivery.check()
        batches = self._batcher.add(row)
        if time.monotonic() - self._flushed_at >= self._flush_seconds:
            batches += self._batcher.rest()
        self._give(batches)
        self._delivery.check()

    def flush(self) -> Sent:
        """Send all there is, what failed before included.

        Raises:
            RowsUnsent: a batch failed.
        """
        self._give([*self._delivery.again(), *self._batcher.rest()])
        self._delivery.check()
        return self.sent

    def _give(self, batches: list[Batch[Row]]) -> None:
        for place, batch in enumerate(batches):
            try:
                self._shell.run(self._delivery.send(batch))
            except BaseException:
                for each in batches[place:]:
                    self._delivery.lose_none(each)
                raise
        if batches:
            self._flushed_at = time.monotonic()
