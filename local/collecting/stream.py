"""What a websocket brings of one instrument, kept until it is asked for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from local.collecting.exchange import MOST_WAITING, Exchange
from local.collecting.trade import Trade


@dataclass
class Stream:
    """Watches without a pause: what ccxt is given between two questions it tells with the next trade only."""

    exchange: Exchange
    symbol: str
    lost: bool = field(default=False, init=False)
    _arrived: list[Trade] = field(default_factory=list, init=False)
    _came: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _watching: "asyncio.Task[None] | None" = field(default=None, init=False)

    async def take(self, seconds: float) -> Sequence[Trade]:
        """What came since the last time; waits for so long, and then says that nothing did.

        Raises:
            Retryable, Permanent: the connection broke, or the exchange refuses; the next call connects again.
        """
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        if not self._arrived:
            self._came.clear()
            coming = asyncio.create_task(self._came.wait())
            try:
                await asyncio.wait({coming, self._watching}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                coming.cancel()
        arrived, self._arrived = self._arrived, []
        if not arrived and self._watching.done():
            ended, self._watching = self._watching, None
            ended.result()
        return arrived

    @property
    def is_waiting(self) -> bool:
        """Whether it is connected, as far as it knows, and has nothing."""
        return not self._arrived and self._watching is not None and not self._watching.done()

    def close(self) -> None:
        """Watch no more."""
        if self._watching:
            self._watching.cancel()

    async def _watch(self) -> None:
        while True:
            batch = await self.exchange.watch(self.symbol)
            # ccxt keeps no more, and neither does this: what was lost is fetched again.
            if len(batch) >= MOST_WAITING or len(self._arrived) >= MOST_WAITING:
                self.lost, batch = True, batch[-MOST_WAITING:]
                self._arrived.clear()
            self._arrived += batch
            self._came.set()
