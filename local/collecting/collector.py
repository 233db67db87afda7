"""Collect trades of some instruments until it is time to stop, and say what came of it."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chandlery.platform.errors import Permanent, Retryable
from chandlery.words.counting import spell
from local.collecting.destinations import Destination, Written
from local.collecting.exchange import Exchange
from local.collecting.follower import Follower, Mark, Missed, Pace
from local.collecting.trade import Trade

_MOST_BATCH, _MOST_WAITING = 5_000, 200
_FLUSH_SECONDS = 1.0
_REASONS = 10  # that are remembered; all refused trades are counted


@dataclass
class Collected:
    """What became of trades so far: taken, new ones among them, refused ones, stretches that were missed.

    `reasons` are some of those for which trades were refused. `unwritten` came and were not taken before the end: the
    next start fetches them. `newest` is the last one's time.
    """

    rows: int = 0
    new: int | None = None
    refused: int = 0
    reasons: list[str] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    unwritten: int = 0
    newest: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything was had and taken."""
        return not (self.refused or self.missed)


@dataclass
class Collector:
    """Collects from an exchange that is open into a destination. `told` gets what happens, in words."""

    exchange: Exchange
    destination: Destination
    report: Callable[[str], None]
    pace: Pace = field(default_factory=Pace)
    collected: Collected = field(default_factory=Collected, init=False)

    async def run(self, keys: Mapping[str, str], marks: Mapping[str, Mark], stop: asyncio.Event) -> None:
        """Collect the instruments of symbols from their marks on, until told to stop; what came by then is written.

        Raises:
            Permanent: the exchange or the destination refuses; what came before is written where it can be.
        """
        queue: asyncio.Queue[Sequence[Trade]] = asyncio.Queue(_MOST_WAITING)
        self.exchange.on_garbage(self.report)
        followers = [
            Follower(self.exchange, symbol, key, marks.get(key), queue.put, self._miss, self.report, self.pace)
            for symbol, key in keys.items()
        ]
        writing = asyncio.create_task(self._write(queue, stop))
        stopping = asyncio.create_task(stop.wait())
        following = [asyncio.create_task(follower.run()) for follower in followers]
        try:
            await asyncio.wait([writing, stopping, *following], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.set()
            await _end(following)
            # A full one wakes the writer by itself.
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait([])
            ended = await asyncio.gather(writing, stopping, *following, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _write(self, queue: asyncio.Queue[Sequence[Trade]], stop: asyncio.Event) -> None:
        """Write what comes, about once a second, in order; after the stop what is left."""
        while not (stop.is_set() and queue.empty()):
            batch = [*await queue.get()]
            if not stop.is_set():
                await asyncio.sleep(_FLUSH_SECONDS)
            while len(batch) < _MOST_BATCH and not queue.empty():
                batch += queue.get_nowait()
            if batch:
                await self._write_batch(batch, stop)

    async def _write_batch(self, batch: Sequence[Trade], stop: asyncio.Event) -> None:
        """Write a batch, again and again until it is taken; after the stop once."""
        wait = self.pace.retry
        while True:
            try:
                written = await asyncio.to_thread(self.destination.write, batch)
            except Retryable as error:
                if stop.is_set():
                    self.report(f"{error}")
                    self.collected.unwritten += len(batch)
                    return
                self.report(f"{error}; tried again in {wait:g} s")
                await _wait(stop, wait)
                wait = min(2 * wait, 30.0)
                continue
            except Permanent:
                self.collected.unwritten += len(batch)
                raise
            break
        self._count(batch, written)

    def _count(self, batch: Sequence[Trade], written: Written) -> None:
        """Raises Permanent where nothing was ever taken, and all of this is refused: so will the next be."""
        collected = self.collected
        if written.refused:
            if not (collected.rows or written.rows):
                collected.unwritten += len(batch)
                raise Permanent(f"no trade was taken: {written.refused[0]}")
            self.report(f"{spell(len(written.refused), 'trade')} refused: {written.refused[0]}")
            collected.refused += len(written.refused)
            collected.reasons += written.refused[: _REASONS - len(collected.reasons)]
        collected.rows += written.rows
        if written.new is not None:
            collected.new = (collected.new or 0) + written.new
        collected.newest = max([trade.time for trade in batch] + ([collected.newest] if collected.newest else []))

    def _miss(self, missed: Missed) -> None:
        self.collected.missed.append(missed)
        self.report(spell_missed(missed))


def spell_missed(missed: Missed) -> str:
    """A stretch that could not be had, in words."""
    starts, ends = (moment.isoformat(timespec="milliseconds")[:-6] + "Z" for moment in (missed.starts, missed.ends))
    count = "trades" if missed.trades is None else f"{missed.trades:,} trades"
    return f"missed: {count} of {missed.key} between {starts} and {ends}: {missed.reason}"


async def _end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
