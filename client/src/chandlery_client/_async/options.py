"""Options: chains, strikes, series, expiries."""

from datetime import date, datetime
from decimal import Decimal

from chandlery_client.core.asking import path, queries
from chandlery_client.core.paging import Asked
from chandlery_client.rows.options import ChainStrike, Expiries, Expiry, Point, StrikeCandle

from .calls import AsyncCalls
from .candles import NEWEST
from .pages import AsyncPages


class AsyncOptionCalls(AsyncCalls):
    """Options of an underlying, named by its key."""

    def chain(
        self,
        key: str,
        *,
        expiry: date | None = None,
        at: datetime | None = None,
        near: int | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[ChainStrike]:
        """The option chain: a row for each listed strike, by expiry, contract and strike.

        Args:
            key: of the underlying.
            expiry: contracts that expire on this date alone.
            at: as it was known then; the newest there is where None.
            near: strikes at most N places from the money.
            limit: rows in all.
            page_size: rows in a page.
        """
        asked = queries(expiry=expiry, at=at, near=near, numbers="text")
        return self._pages(Asked(ChainStrike, "strikes", path("options", key, "chain"), asked, page_size, most=limit))

    def strikes(
        self,
        key: str,
        timeframe: str,
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        expiry: date | None = None,
        near: int | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[StrikeCandle]:
        """Strike candles, the oldest first: calls and puts of a strike in one row."""
        asked = queries(timeframe=timeframe, from_=from_, to=to, expiry=expiry, near=near, numbers="text")
        return self._strikes("strikes", key, asked, from_, limit, page_size)

    def strike_history(
        self,
        key: str,
        timeframe: str,
        *,
        expiry: date,
        strike: Decimal | int | str,
        contract: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[StrikeCandle]:
        """Strike candles of one strike and expiry; `contract` separates twins."""
        asked = queries(
            timeframe=timeframe, expiry=expiry, strike=strike, contract=contract, from_=from_, to=to, numbers="text"
        )
        return self._strikes("strike-history", key, asked, from_, limit, page_size)

    def _strikes(
        self,
        route: str,
        key: str,
        asked: tuple[tuple[str, str], ...],
        from_: datetime | None,
        limit: int | None,
        page_size: int | None,
    ) -> AsyncPages[StrikeCandle]:
        most = NEWEST if limit is None and from_ is None else limit
        return self._pages(
            Asked(
                StrikeCandle,
                "strikes",
                path("options", key, route),
                asked,
                page_size,
                backward=from_ is None,
                most=most,
            )
        )

    def moneyness_series(
        self,
        key: str,
        field: str,
        timeframe: str = "1m",
        *,
        expiry: date,
        rank: int,
        contract: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[Point]:
        """A field of whichever strike had a rank in each bucket: 0 at the money, 1 the strike above it."""
        asked = queries(
            field=field,
            timeframe=timeframe,
            expiry=expiry,
            rank=rank,
            contract=contract,
            from_=from_,
            to=to,
            numbers="text",
        )
        most = NEWEST if limit is None and from_ is None else limit
        route = path("options", key, "moneyness-series")
        return self._pages(Asked(Point, "points", route, asked, page_size, backward=from_ is None, most=most))

    async def expiries(self, key: str, *, at: datetime | None = None) -> list[Expiry]:
        """What each expiry that has not passed comes to: forward, volatility at the money, skew, ratios, max pain."""
        asked = queries(at=at, numbers="text")
        return (await self._get(Expiries, path("options", key, "expiries"), asked)).expiries

    def expiry_metrics(
        self,
        key: str,
        timeframe: str = "5m",
        *,
        expiry: date | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
    ) -> AsyncPages[Expiry]:
        """What expiries came to over time, at the end of each bucket; without `from_` the newest fifty moments."""
        asked = queries(timeframe=timeframe, expiry=expiry, from_=from_, to=to, numbers="text")
        # The server counts moments, each of several rows: so nothing is said of rows.
        route = path("options", key, "expiry-metrics")
        return self._pages(Asked(Expiry, "metrics", route, asked, is_one_page=from_ is None))
