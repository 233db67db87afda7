"""Rows to the server, in batches."""

from collections.abc import Mapping
from types import TracebackType
from typing import Generic, Self, TypeVar

import anyio
from anyio.abc import TaskGroup

from chandlery_client.core.batching import Batch, Batcher, Sent
from chandlery_client.core.delivering import Delivery, OnRefused
from chandlery_client.rows.sent import SentRow

from .shell import AsyncShell

Row = TypeVar("Row", bound=SentRow)


class AsyncWriter(Generic[Row]):
    """Gathers rows into batches and sends them, several at a time; the end of its `async with` waits for all.

    The same rows sent again change nothing. A batch is sent again until its deadline; after that its rows are kept,
    `add` and `flush` raise `RowsUnsent`, and `flush` tries again.
    """

    def __init__(
        self,
        shell: AsyncShell,
        row: type[Row],
        feed: str,
        producer: str,
        batch_rows: int,
        on_refused: OnRefused | None,
        *,
        flush_seconds: float,
        senders: int,
    ) -> None:
        self._shell, self._flush_seconds, self._senders = shell, flush_seconds, senders
        self._batcher = Batcher(row, feed=feed, producer=producer, rows=batch_rows)
        self._delivery = Delivery(shell.exchange, self._batcher, on_refused)
        self._places = anyio.Semaphore(senders)
        self._tasks: TaskGroup | None = None

    @property
    def sent(self) -> Sent:
        """What became of the rows that were acknowledged."""
        return self._delivery.sent

    @property
    def unsent(self) -> tuple[Row, ...]:
        """Rows that no server has acknowledged, but for those under way."""
        return self._delivery.unsent

    async def __aenter__(self) -> Self:
        self._tasks = await anyio.create_task_group().__aenter__()
        self._tasks.start_soon(self._flush_in_time)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send the rest and wait for all, unless the program is being cancelled.

        Raises:
            RowsUnsent: a batch failed.
            RowsRefused: rows were refused, and there is no `on_refused`.
        """
        assert self._tasks is not None  # noqa: S101  # it was entered
        try:
            if kind is None or issubclass(kind, Exception):
                await self._give_rest()
                await self._wait_for_all()
        finally:
            self._tasks.cancel_scope.cancel()
            await self._tasks.__aexit__(None, None, None)
        if kind is None:
            self._delivery.finish()

    async def add(self, row: Row | Mapping[str, object]) -> None:
        """Take a row; waits where all senders are busy.

        Raises:
            RowsUnsent: a batch failed before; this row is not taken.
            pydantic.ValidationError: a mapping does not make such a row.
        """
        self._delivery.check()
        for batch in self._batcher.add(row):
            await self._give(batch)

    async def flush(self) -> Sent:
        """Send all there is, what failed before included, and wait for it.

        Raises:
            RowsUnsent: a batch failed.
        """
        for batch in self._delivery.again():
            await self._give(batch)
        await self._give_rest()
        await self._wait_for_all()
        self._delivery.check()
        return self.sent

    async def _give_rest(self) -> None:
        for batch in self._batcher.rest():
            await self._give(batch)

    async def _give(self, batch: Batch[Row]) -> None:
        assert self._tasks is not None, "use the writer in `async with`"  # noqa: S101
        try:
            await self._places.acquire()
        except BaseException:
            self._delivery.lose_none(batch)
            raise
        self._tasks.start_soon(self._send, batch)

    async def _send(self, batch: Batch[Row]) -> None:
        try:
            await self._shell.run(self._delivery.send(batch))
        except BaseException:
            self._delivery.lose_none(batch)
            raise
        finally:
            self._places.release()

    async def _wait_for_all(self) -> None:
        for _ in range(self._senders):
            await self._places.acquire()
        for _ in range(self._senders):
            self._places.release()

    async def _flush_in_time(self) -> None:
        while True:
            await anyio.sleep(self._flush_seconds)
            await self._give_rest()
