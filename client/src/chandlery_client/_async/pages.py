"""Answers of many pages: iterated, or as frames."""

import builtins
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Generic, TypeVar

from chandlery_client import frames
from chandlery_client.core.paging import Asked, Page, Walk, whole

from .shell import AsyncShell

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

T = TypeVar("T")
U = TypeVar("U")


class AsyncPages(Generic[T]):
    """Rows that are fetched page by page, as they are asked for; each iteration asks from the beginning."""

    def __init__(self, shell: AsyncShell, asked: Asked[T]) -> None:
        self._shell, self._asked = shell, asked

    async def __aiter__(self) -> AsyncIterator[T]:
        """Each row, the oldest first, or in the order that the method documents."""
        if self._asked.backward:
            for row in await self.list():
                yield row
            return
        async for page in self.pages():
            for row in page.rows:
                yield row

    def pages(self) -> AsyncIterator[Page[T]]:
        """Each page, in the order in which they come: without `from_` the newest first."""
        return self._walk(self._asked)

    async def page(self, cursor: str | None = None) -> Page[T]:
        """One page: the first, or the one at the `next_cursor` of another."""
        request = self._asked.request(cursor, self._asked.most)
        return self._asked.page((await self._shell.run(self._shell.exchange.answer(request))).body)

    async def list(self) -> builtins.list[T]:
        """All rows."""
        return await self._whole(self._asked)

    async def to_polars(self, *, decimals: frames.Decimals = "exact", scale: int | None = None) -> "pl.DataFrame":
        """All rows as a frame of polars.

        Args:
            decimals: exact, as `Decimal(38, scale)`; float; or text.
            scale: digits behind the point of exact decimals, 18 where None; quotients, as vwap, keep 24.

        Raises:
            FrameError: a decimal has more digits.
        """
        return frames.to_polars(self._asked.row, await self._whole(self._asked.plain), decimals, scale)

    async def to_pandas(self, *, decimals: frames.Decimals = "exact") -> "pd.DataFrame":
        """All rows as a frame of pandas, by time: exact decimals are Python's."""
        return frames.to_pandas(self._asked.row, await self._whole(self._asked.plain), decimals)

    async def _whole(self, asked: Asked[U]) -> builtins.list[U]:
        return whole([page async for page in self._walk(asked)], asked)

    async def _walk(self, asked: Asked[U]) -> AsyncIterator[Page[U]]:
        walk = Walk(asked)
        while not walk.is_over:
            yield walk.take(await self._shell.run(self._shell.exchange.answer(walk.request())))
