"""Candles as they change."""

from collections import deque
from collections.abc import AsyncIterator

from chandlery_client.core.watching import Watching
from chandlery_client.rows.candles import Candle

from .shell import AsyncShell


class AsyncWatch:
    """Yields candles that changed; after an error `watch(…, after=cursor)` goes on, and loses nothing."""

    def __init__(self, shell: AsyncShell, watching: Watching) -> None:
        self._shell, self._watching = shell, watching
        self._found: deque[Candle] = deque()
        self._given = watching.cursor

    @property
    def cursor(self) -> int | None:
        """All that changed up to here was given out; None before the first answer."""
        return self._given

    def __aiter__(self) -> AsyncIterator[Candle]:
        return self

    async def __anext__(self) -> Candle:
        """The next candle that changed, as soon as there is one."""
        while not self._found:
            # Only now has the caller dealt with the last one.
            self._given = self._watching.cursor
            self._found.extend(await self._shell.run(self._watching.next()))
        return self._found.popleft()
