"""One instrument's trades, without a hole: those of the websocket, and by REST those that it did not bring.

Trades go on in order, so that the newest one stored says where to go on after any end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chandlery.platform.errors import Permanent, Retryable
from local.collecting.exchange import Exchange
from local.collecting.stream import Stream
from local.collecting.trade import Trade, milliseconds_of, moment_of

_HOUR_MS = 3_600_000
_REMEMBERED = 20_000
_NO_TRADE = -1  # in place of a number, where a mark is a moment alone
_TRIES = 3  # of REST, where it is behind the websocket
_NOT_GIVEN = "the exchange does not give them"


@dataclass(frozen=True)
class Mark:
    """Where an instrument's trades end: the newest one that was taken."""

    time_ms: int
    seq: int


@dataclass(frozen=True)
class Missed:
    """A stretch of an instrument's trades that could not be had, and why; `trades` where they were numbered."""

    key: str
    starts: datetime
    ends: datetime
    reason: str
    trades: int | None = None


@dataclass(frozen=True)
class Pace:
    """How long to wait for what, in seconds.

    Attributes:
        reach: how far back trades are fetched that came while nobody listened.
        quiet: after so long without a trade, REST is asked whether there was none.
        poll: between two questions, where an exchange has no websocket.
        retry: before the first new attempt; twice as long before each further one.
        patience: with REST, before trades are given up; the instrument's others wait as long.
    """

    reach: float = 86_400.0
    quiet: float = 20.0
    poll: float = 2.0
    retry: float = 0.5
    patience: float = 300.0


@dataclass
class Follower:
    """Follows an instrument from `mark` on, or from now where there is none.

    `put` takes trades in order; `missed` what could not be had; `told` what happens, in words.
    """

    exchange: Exchange
    symbol: str
    key: str
    mark: Mark | None
    put: Callable[[Sequence[Trade]], Awaitable[None]]
    missed: Callable[[Missed], None]
    report: Callable[[str], None]
    pace: Pace = field(default_factory=Pace)
    # Whether the exchange numbers trades without a hole, and the mark is such a number.
    _is_counted: bool = field(default=False, init=False)
    _is_joined: bool = field(default=False, init=False)
    _is_resumed: bool = field(default=False, init=False)
    _oldest_ms: int = field(default=0, init=False)
    _recent: dict[tuple[int, int], None] = field(default_factory=dict, init=False)
    _stream: Stream = field(init=False)

    def __post_init__(self) -> None:
        self._stream = Stream(self.exchange, self.symbol)

    async def run(self) -> None:
        """Follow until cancelled.

        Raises:
            Permanent: the exchange refuses, and will again.
        """
        try:
            failures = 0
            while True:
                try:
                    if not self._is_resumed:
                        await self._resume()
                    batch = await (self._watch() if self.exchange.has_streams else self._poll())
                    await self._take(batch)
                    failures = 0
                except Retryable as error:
                    self.report(f"{error}")
                    self._is_joined = False
                    await asyncio.sleep(min(self.pace.retry * 2**failures, 30.0))
                    failures += 1
                    if self._is_resumed:
                        await self._catch_up()
        finally:
            self._stream.close()

    async def _resume(self) -> None:
        """Fetch what came since the mark: at most as far back as is wanted, and told where that is not far enough."""
        now_ms = milliseconds_of(self.exchange.now())
        earliest = now_ms - int(self.pace.reach * 1_000)
        if self.mark is None:
            self.mark, self._is_resumed = Mark(now_ms, _NO_TRADE), True
            self._oldest_ms = now_ms - _HOUR_MS
            return
        if self.mark.time_ms < earliest:
            self._miss(self.mark.time_ms, earliest, "longer ago than --reach")
            self.mark = Mark(earliest, _NO_TRADE)
        elif self.exchange.habits.from_id:
            self._is_counted = await self._is_its_number(self.mark)
            if not self._is_counted:
                # Stored by others, under other numbers: what is of the same moment would count twice.
                self.mark = Mark(self.mark.time_ms + 2, _NO_TRADE)
        self._oldest_ms, self._is_resumed = self.mark.time_ms - _HOUR_MS, True
        await self._catch_up()

    async def _is_its_number(self, mark: Mark) -> bool:
        """Whether the mark is a trade of the exchange, or was: what was stored may have come from elsewhere."""
        try:
            page = await self._patiently(from_id=mark.seq)
        except Permanent:
            return False  # no number that it could have given
        if not page:
            return False
        first = Mark(page[0].time_ms, page[0].seq)
        return first == mark or (first.seq > mark.seq and first.time_ms > mark.time_ms)

    async def _watch(self) -> Sequence[Trade]:
        batch = await self._stream.take(self.pace.quiet)
        if not batch:
            await self._doubt()
        if self._stream.lost:
            self._is_joined = self._stream.lost = False
        return batch

    async def _doubt(self) -> None:
        """Nothing came for long: a connection is dead whose trades REST has."""
        before = self.mark
        await self._catch_up()
        if self.mark != before and self._stream.is_waiting:
            self.exchange.reconnect(f"the websocket of {self.exchange.name} fell silent, though {self.symbol} trades")

    async def _poll(self) -> Sequence[Trade]:
        await asyncio.sleep(self.pace.poll)
        await self._fill(None)
        return []

    async def _take(self, batch: Sequence[Trade]) -> None:
        """Put what is new of trades that came; before it what they show to be missing."""
        run: list[Trade] = []
        for trade in sorted(batch, key=self._order):
            self._notice_new_numbers(trade)
            if not self._is_new(trade):
                continue
            if not self._follows(trade):
                await self._put(run)
                run = []
                await self._catch_up(trade)
                if not self._is_new(trade):
                    continue
            run.append(trade)
            self._remember(trade)
        await self._put(run)

    def _notice_new_numbers(self, trade: Trade) -> None:
        """Where an exchange begins its numbers again, its trades are not old ones."""
        if self._is_counted and self.mark and trade.seq <= self.mark.seq and trade.time_ms > self.mark.time_ms + 1_000:
            self.report(f"{self.symbol}: trade {trade.seq} came after {self.mark.seq}: the exchange numbers them again")
            self.mark = Mark(trade.time_ms, trade.seq - 1)

    def _order(self, trade: Trade) -> tuple[int, int]:
        """Their own numbers outrank the clock, where these count."""
        return (0 if self.exchange.habits.from_id else trade.time_ms, trade.seq)

    def _is_new(self, trade: Trade) -> bool:
        if self._is_counted and self.mark:
            return trade.seq > self.mark.seq
        # Some websockets begin with the last trades, however long ago these were.
        return trade.time_ms >= self._oldest_ms and (trade.time_ms, trade.seq) not in self._recent

    def _follows(self, trade: Trade) -> bool:
        """Whether nothing is missing before a trade, as far as can be known."""
        if self.mark is None:
            return True
        if self._is_counted:
            return trade.seq == self.mark.seq + 1
        return self._is_joined

    def _remember(self, trade: Trade) -> None:
        mark = self.mark
        if self._is_counted or not mark or mark.seq == _NO_TRADE or trade.time_ms >= mark.time_ms:
            self.mark = Mark(trade.time_ms, trade.seq)
        self._is_counted = self.exchange.habits.from_id is not None
        if not self._is_counted:
            self._recent[trade.time_ms, trade.seq] = None
            if len(self._recent) > _REMEMBERED:
                del self._recent[next(iter(self._recent))]

    async def _put(self, trades: Sequence[Trade]) -> None:
        if trades:
            await self.put(trades)

    async def _catch_up(self, until: Trade | None = None) -> None:
        """Fetch what came since the mark, up to a trade that came: then it is known what cannot be had."""
        if self.mark is None:
            return
        reason = _NOT_GIVEN
        try:
            await self._fill(until)
        except Retryable as error:
            reason = f"{error}"
            if until is None:
                self.report(reason)
        if until is None:
            return
        if self._is_counted and self.mark and until.seq > self.mark.seq + 1:
            self._miss(self.mark.time_ms, until.time_ms, reason, until.seq - self.mark.seq - 1)
            self.mark = Mark(until.time_ms, until.seq - 1)
        elif not self._is_counted and self.mark and reason != _NOT_GIVEN:
            self._miss(self.mark.time_ms, until.time_ms, reason)
        self._is_joined = True

    async def _fill(self, until: Trade | None) -> None:
        """Page on from the mark, to a trade or to the newest there is.

        Raises:
            Retryable: REST did not answer for long.
        """
        mark = self.mark
        if mark is None:
            return
        since, is_first, tries = mark.time_ms - 1, True, 0
        while True:
            counted = self._is_counted
            page = await self._patiently(
                **({"from_id": self.mark.seq + 1} if counted and self.mark else {"since_ms": since})
            )
            if page and is_first and not counted and page[0].time_ms > mark.time_ms and mark.seq != _NO_TRADE:
                self._miss(mark.time_ms, page[0].time_ms, "the exchange gives no older ones")
            is_first = is_first and not page
            fresh = [trade for trade in sorted(page, key=self._order) if self._is_new(trade)]
            if until is not None:
                fresh = [trade for trade in fresh if self._order(trade) < self._order(until)]
            self._report_holes(fresh)
            for trade in fresh:
                self._remember(trade)
            await self._put(fresh)
            if until is not None and self._is_counted and self.mark and self.mark.seq + 1 >= until.seq:
                return
            if fresh:
                since, tries = max(since, fresh[-1].time_ms - 1), 0
            elif not counted and since + _HOUR_MS < milliseconds_of(self.exchange.now()):
                # Some answer for an hour at most, in which there may be none.
                since += _HOUR_MS
            elif until is not None and tries < _TRIES and not _has_reached(page, until, counted=counted):
                # REST may be a moment behind the websocket.
                await asyncio.sleep(self.pace.retry * 2**tries)
                tries += 1
            else:
                return

    def _report_holes(self, trades: Sequence[Trade]) -> None:
        """Tell what is missing among trades whose numbers should follow each other."""
        if not self._is_counted or self.mark is None:
            return
        mark = self.mark
        for trade in trades:
            if trade.seq > mark.seq + 1:
                self._miss(mark.time_ms, trade.time_ms, _NOT_GIVEN, trade.seq - mark.seq - 1)
            mark = Mark(trade.time_ms, trade.seq)

    async def _patiently(self, **asked: Any) -> Sequence[Trade]:
        """A page of REST, tried again for a while.

        Raises:
            Retryable: it did not answer for as long as there is patience.
        """
        loop = asyncio.get_running_loop()
        ends, wait = loop.time() + self.pace.patience, self.pace.retry
        while True:
            try:
                return await self.exchange.fetch(self.symbol, **asked)
            except Retryable as error:
                wait = max(wait, getattr(error, "seconds", 0.0))
                if loop.time() + wait > ends:
                    raise
                self.report(f"{error}; asked again in {wait:g} s")
                await asyncio.sleep(wait)
                wait = min(2 * wait, 30.0)

    def _miss(self, starts_ms: int, ends_ms: int, reason: str, trades: int | None = None) -> None:
        self.missed(Missed(self.key, moment_of(starts_ms), moment_of(ends_ms), reason, trades))


def _has_reached(page: Sequence[Trade], until: Trade, *, counted: bool) -> bool:
    """Whether a page of REST goes as far as a trade of the websocket."""
    return not counted and bool(page) and page[-1].time_ms >= until.time_ms
