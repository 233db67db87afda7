"""What changed of an instrument's candles, minute by minute."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chandlery_client.errors import BadArgument, ClientError
from chandlery_client.rows.candles import Candle
from chandlery_client.rows.changes import ChangedData, Changes

from .asking import path, queries
from .decoding import decode
from .exchange import Exchange
from .paging import Asked, Walk
from .wire import Request, Steps, Wait

MINUTE = timedelta(minutes=1)
_LENGTHS = {
    "1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE, "1h": 60 * MINUTE, "4h": 240 * MINUTE,
    "1d": timedelta(days=1), "1w": timedelta(days=7), "1mo": timedelta(days=31),
}  # fmt: skip
# Seconds after a minute's end; the last of them where the minute brings nothing.
_LOOKS_SECONDS = (7, 12, 20, 35)
# What is kept to know a change by: a day of minutes, and more.
_MOST_KNOWN, _FIRST_KNOWN = 20_000, 1_500
_log = logging.getLogger("chandlery_client")


@dataclass
class Watching:
    """The candles of an instrument that changed since the last look.

    Attributes:
        key: the instrument's.
        timeframe: of the candles.
        cursor: what changed up to here was given out; None before the first look.
        give_up: seconds without an answer after which the last error is raised; None: never.
    """

    exchange: Exchange
    key: str
    timeframe: str
    cursor: int | None = None
    give_up: float | None = 600.0
    _known: dict[datetime, Candle] = field(default_factory=dict)
    _since: datetime | None = None
    _answered_at: float | None = None

    def __post_init__(self) -> None:
        if self.timeframe not in _LENGTHS:
            raise BadArgument(f"timeframe: {self.timeframe!r} is not one of {', '.join(_LENGTHS)}")

    def next(self) -> Steps[Sequence[Candle]]:
        """Wait for candles that changed, the oldest first.

        Raises:
            ClientError: one that no retry helps, or for longer than `give_up`.
        """
        while True:
            try:
                if self._since is None:
                    yield from self._begin()
                changed = yield from self._look()
                self._answered_at = self.exchange.clock.elapsed()
            except ClientError as error:
                self._check_patience(error)
                changed = []
            if changed:
                return changed
            yield Wait(self._seconds_to_next_look())

    def _begin(self) -> Steps[None]:
        """Take the cursor first, then read what there is: what changes in between is read again."""
        if self._answered_at is None:
            self._answered_at = self.exchange.clock.elapsed()
        if self.cursor is None:
            newest = yield from self._changes(0)
            known = yield from self._read(
                Asked(Candle, "candles", self._path, self._query(), backward=True, most=_FIRST_KNOWN)
            )
            self._note(known)
            self.cursor = newest.newest_cursor or 0
        now = self.exchange.clock.now().replace(second=0, microsecond=0)
        self._since = max(self._known, default=now - _LENGTHS[self.timeframe])

    def _look(self) -> Steps[list[Candle]]:
        assert self.cursor is not None and self._since is not None  # noqa: S101, PT018  # _begin has set them
        page = yield from self._changes(self.cursor)
        if page.newest_cursor is None and not page.changes:
            # Nothing is published here: what is new is found by reading the newest candles, which have an ETag.
            return self._note((yield from self._stretch(self._since, None)))
        found, cursor = list(page.changes), self.cursor
        lost = _are_lost(page, cursor)
        while page.changes:
            cursor = page.changes[-1].cursor
            page = yield from self._changes(cursor)
            found += page.changes
        stretches: list[tuple[datetime, datetime | None]] = [*_stretches(filter(self._concerns, found))]
        if lost:
            _log.warning("changes after cursor %s are no longer kept; reading from %s on", self.cursor, self._since)
            stretches.append((self._since, None))
        rows = []
        for starts, ends in stretches:
            rows += yield from self._stretch(starts, ends)
        # Not before all is read: what is known is not given out again after an error.
        self.cursor = cursor if page.newest_cursor is None else page.newest_cursor
        return self._note(rows)

    @property
    def _path(self) -> str:
        return path("candles", self.key)

    def _query(self, starts: datetime | None = None, ends: datetime | None = None) -> tuple[tuple[str, str], ...]:
        return queries(timeframe=self.timeframe, from_=starts, to=ends, numbers="text")

    def _changes(self, after: int) -> Steps[Changes]:
        asked = queries(after=after, dataset="candles", instrument_keys=self.key)
        response = yield from self.exchange.answer(Request("GET", "/api/v1/changes", asked))
        return decode(response.body, Changes)

    def _concerns(self, change: ChangedData) -> bool:
        """Longer timeframes change with their minutes."""
        return not change.timeframes or not {self.timeframe, "1m"}.isdisjoint(change.timeframes)

    def _stretch(self, starts: datetime, ends: datetime | None) -> Steps[list[Candle]]:
        """The candles that overlap a stretch: a bucket may begin before it."""
        length = _LENGTHS[self.timeframe]
        begins = starts if self.timeframe == "1m" else starts - length
        found = yield from self._read(Asked(Candle, "candles", self._path, self._query(begins, ends)))
        return [candle for candle in found if candle.time + length > starts]

    def _read(self, asked: Asked[Candle]) -> Steps[list[Candle]]:
        walk = Walk(asked)
        rows: list[Candle] = []
        while not walk.is_over:
            rows += walk.take((yield from self.exchange.answer(walk.request()))).rows
        return rows

    def _note(self, candles: Iterable[Candle]) -> list[Candle]:
        """Those that differ from what was known of them, the oldest first."""
        read = {candle.time: candle for candle in candles}
        changed = [read[time] for time in sorted(read) if self._known.get(time) != read[time]]
        self._known |= {candle.time: candle for candle in changed}
        for time in sorted(self._known)[: max(len(self._known) - _MOST_KNOWN, 0)]:
            del self._known[time]
        return changed

    def _check_patience(self, error: ClientError) -> None:
        elapsed = self.exchange.clock.elapsed()
        silent = elapsed - (elapsed if self._answered_at is None else self._answered_at)
        if not error.retryable or (self.give_up is not None and silent >= self.give_up):
            raise error
        _log.warning("no answer for %.0f s, trying on: %s", silent, error)

    def _seconds_to_next_look(self) -> float:
        now = self.exchange.clock.now()
        minute = now.astimezone(UTC).replace(second=0, microsecond=0)
        second = (now - minute).total_seconds()
        later = [look for look in _LOOKS_SECONDS if look > second]
        return (later[0] if later else 60 + _LOOKS_SECONDS[0]) - second


def _are_lost(page: Changes, after: int) -> bool:
    """Whether changes after a cursor may be gone: removed, or numbered again in a database that was restored."""
    is_removed = page.kept_from is not None and 0 < after < page.kept_from - 1
    return is_removed or (page.newest_cursor is not None and page.newest_cursor < after)


def _stretches(changes: Iterable[ChangedData]) -> list[tuple[datetime, datetime]]:
    """The stretches of changes, those that overlap as one."""
    joined: list[tuple[datetime, datetime]] = []
    for starts, ends in sorted((each.starts, each.ends) for each in changes):
        if joined and starts <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], ends)
        else:
            joined.append((starts, ends))
    return joined
