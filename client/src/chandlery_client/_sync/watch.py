# Made of _async/watch.py by tools/make_sync.py: change that.
"""Candles as they change."""

from collections import deque
from collections.abc import Iterator

from chandlery_client.core.watching import Watching
from chandlery_client.rows.candles import Candle

from .shell import Shell


class Watch:
    """Yields candles that changed; after an error `watch(…, after=cursor)` goes on, and loses nothing."""

    def __init__(self, shell: Shell, watching: Watching) -> None:
        self._shell, self._watching = shell, watching
        self._found: deque[Candle] = deque()
        self._given = watching.cursor

    @property
    def cursor(self) -> int | None:
        """All that changed up to here was given out; None before the first answer."""
        return self._given

    def __iter__(self) -> Iterator[Candle]:
        return self

    def __next__(self) -> Candle:
        """The next candle that changed, as soon as there is one."""
        while not self._found:
            # Only now has the caller dealt with the last one.
            self._given = self._watching.cursor
            self._found.extend(self._shell.run(self._watching.next()))
        return self._found.popleft()
