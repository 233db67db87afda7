"""Instruments, and what is newest of them."""

from collections.abc import Iterable
from typing import Literal

from chandlery_client.core.asking import path, queries
from chandlery_client.core.paging import Asked
from chandlery_client.rows.instruments import Instrument, Latest, PriceChange, Statistics

from .calls import AsyncCalls
from .pages import AsyncPages

_NUMBERS = (("numbers", "text"),)


class AsyncInstrumentCalls(AsyncCalls):
    """What there is."""

    def instruments(
        self,
        *,
        feed: str | None = None,
        calendar: str | None = None,
        prefix: str | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[Instrument]:
        """Instruments, by key; `prefix` is how their keys begin."""
        asked = queries(feed=feed, calendar=calendar, prefix=prefix)
        return self._pages(Asked(Instrument, "instruments", path("instruments"), asked, page_size, most=limit))

    async def instrument(self, key: str) -> Instrument:
        """One instrument."""
        return await self._get(Instrument, path("instruments", key))

    async def latest(self, key: str) -> Latest:
        """Its newest candle and tick."""
        return await self._get(Latest, path("instruments", key, "latest"), _NUMBERS)

    async def statistics(self, key: str) -> Statistics:
        """Its history in a few numbers."""
        return await self._get(Statistics, path("instruments", key, "statistics"), _NUMBERS)

    def statistics_of_all(
        self,
        *,
        feed: str | None = None,
        calendar: str | None = None,
        prefix: str | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[Statistics]:
        """The same of all instruments, by key."""
        asked = queries(feed=feed, calendar=calendar, prefix=prefix, numbers="text")
        return self._pages(Asked(Statistics, "statistics", path("statistics"), asked, page_size, most=limit))

    def price_changes(
        self,
        keys: Iterable[str] | None = None,
        *,
        feed: str | None = None,
        sort: Literal["change", "change_1d", "change_1w", "change_1mo", "key"] = "change_1d",
        order: Literal["descending", "ascending"] = "descending",
        limit: int | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[PriceChange]:
        """Newest closes, and what they changed by."""
        named = [keys] if isinstance(keys, str) else keys
        asked = queries(instrument_key=named, feed=feed, sort=sort, order=order, numbers="text")
        return self._pages(Asked(PriceChange, "price_changes", path("price-changes"), asked, page_size, most=limit))
