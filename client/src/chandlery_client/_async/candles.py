"""Candles, what is computed of them, and what changed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from chandlery_client.core.asking import joined, path, queries
from chandlery_client.core.computing import compute_body
from chandlery_client.core.paging import Asked
from chandlery_client.core.watching import Watching
from chandlery_client.rows.candles import (
    Candle,
    Computed,
    Indicator,
    Indicators,
    InstrumentCandle,
    LatestValue,
    StoredValue,
)
from chandlery_client.rows.changes import Changes

from .calls import AsyncCalls
from .pages import AsyncPages
from .watch import AsyncWatch

Session = Literal["all", "regular"]
Align = Literal["clock", "session"]
# Without a beginning and a limit: the newest of these.
NEWEST = 500


class AsyncCandleCalls(AsyncCalls):
    """Candles, indicators, changes."""

    def candles(
        self,
        key: str,
        timeframe: str,
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        limit: int | None = None,
        session: Session = "all",
        align: Align = "clock",
        fill: Literal["none", "flat"] = "none",
        include_partial: bool = True,
        page_size: int | None = None,
    ) -> AsyncPages[Candle]:
        """Candles of an instrument, the oldest first.

        Args:
            key: EXCHANGE@SYMBOL@TYPE.
            timeframe: 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w, 1mo.
            from_: the first moment that counts; without it the newest candles before `to`.
            to: the moment to stop before.
            limit: candles in all; without `from_` 500 where None, else all there are.
            session: regular: of regular hours alone.
            align: session: buckets counted from the session's open.
            fill: flat: make up buckets without trades, marked.
            include_partial: whether to list open and partial candles.
            page_size: candles in a page.
        """
        asked = queries(
            timeframe=timeframe,
            from_=from_,
            to=to,
            session=session,
            align=align,
            fill=fill,
            include_partial=include_partial,
            numbers="text",
        )
        most = NEWEST if limit is None and from_ is None else limit
        return self._pages(
            Asked(Candle, "candles", path("candles", key), asked, page_size, backward=from_ is None, most=most)
        )

    def candles_of(
        self,
        keys: Iterable[str],
        timeframe: str,
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        limit: int | None = None,
        include_partial: bool = True,
        page_size: int | None = None,
    ) -> AsyncPages[InstrumentCandle]:
        """Candles of several instruments, by time and key; a hundred instruments at most."""
        asked = queries(
            instrument_keys=joined(keys),
            timeframe=timeframe,
            from_=from_,
            to=to,
            include_partial=include_partial,
            numbers="text",
        )
        most = NEWEST if limit is None and from_ is None else limit
        return self._pages(
            Asked(InstrumentCandle, "candles", path("candles"), asked, page_size, backward=from_ is None, most=most)
        )

    async def compute(
        self,
        key: str,
        indicators: Sequence[str | Mapping[str, Any]],
        timeframe: str = "5m",
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        limit: int | None = None,
        session: Session = "all",
        align: Align = "clock",
    ) -> Computed:
        """Indicators over an instrument's candles, computed now.

        Args:
            key: EXCHANGE@SYMBOL@TYPE.
            indicators: names, or `{"name": "rsi", "parameters": {"timeperiod": 14}}`.
            timeframe: of the candles.
            from_: the first moment that counts; without it the newest candles before `to`.
            to: the moment to stop before.
            limit: candles at most, the newest.
            session: regular: of regular hours alone.
            align: session: buckets counted from the session's open.
        """
        body = compute_body(
            key, indicators, timeframe=timeframe, from_=from_, to=to, limit=limit, session=session, align=align
        )
        return await self._post(Computed, path("compute"), body)

    async def indicators(self) -> list[Indicator]:
        """The indicators that can be computed, and their parameters."""
        return (await self._get(Indicators, path("indicators"))).indicators

    def indicator_values(
        self,
        key: str,
        timeframe: str = "5m",
        *,
        names: Iterable[str] | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[StoredValue]:
        """Stored indicators of an instrument, by time and name."""
        asked = queries(
            instrument_key=key,
            timeframe=timeframe,
            names=None if names is None else joined(names),
            from_=from_,
            to=to,
            numbers="text",
        )
        most = NEWEST if limit is None and from_ is None else limit
        return self._pages(
            Asked(
                StoredValue, "values", path("indicators", "values"), asked, page_size, backward=from_ is None, most=most
            )
        )

    def latest_indicators(
        self,
        key: str | None = None,
        *,
        timeframe: str | None = None,
        name: str | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[LatestValue]:
        """The newest stored values of each indicator of each instrument, or of one."""
        asked = queries(instrument_key=key, timeframe=timeframe, name=name)
        return self._pages(Asked(LatestValue, "indicators", path("indicators", "latest"), asked, page_size, most=limit))

    async def changes(
        self, after: int = 0, *, dataset: str | None = None, keys: Iterable[str] | None = None
    ) -> Changes:
        """What changed after a cursor, in the order in which changes became visible; ask again with the last cursor."""
        named = None if keys is None else joined(keys)
        return await self._get(Changes, path("changes"), queries(after=after, dataset=dataset, instrument_keys=named))

    def watch(
        self, key: str, timeframe: str = "1m", *, after: int | None = None, give_up: float | None = 600.0
    ) -> AsyncWatch:
        """Candles as they change, just after each minute, without end.

        Args:
            key: EXCHANGE@SYMBOL@TYPE.
            timeframe: of the candles.
            after: the `cursor` of an earlier watch, to go on from there; without it from now on.
            give_up: seconds without an answer after which the error is raised; None: never.
        """
        return AsyncWatch(self._shell, Watching(self._shell.exchange, key, timeframe, after, give_up))
