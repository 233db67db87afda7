# Made of _async/instruments.py by tools/make_sync.py: change that.
"""Instruments, and what is newest of them."""

from collections.abc import Iterable
from typing import Literal

from chandlery_client.core.asking import path, queries
from chandlery_client.core.paging import Asked
from chandlery_client.rows.instruments import Instrument, Latest, PriceChange, Statistics

from .calls import Calls
from .pages import Pages

_NUMBERS = (("numbers", "text"),)


class InstrumentCalls(Calls):
    """What there is."""

    def instruments(
        self,
        *,
        feed: str | None = None,
        calendar: str | None = None,
        prefix: str | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> Pages[Instrument]:
        """Instruments, by key; `prefix` is how their keys begin."""
        asked = queries(feed=feed, calendar=calendar, prefix=prefix)
        return self._pages(Asked(Instrument, "instruments", path("instruments"), asked, page_size, most=limit))

    def instrument(self, key: str) -> Instrument:
        """One instrument."""
        return self._get(Instrument, path("instruments", key))

    def latest(self, key: str) -> Latest:
        """Its newest candle and tick."""
        return self._get(Latest, path("instruments", key, "latest"), _NUMBERS)

    def statistics(self, key: str) -> Statistics:
        """Its history in a few numbers."""
        return self._get(Statistics, path("instruments", key, "statistics"), _NUMBERS)

    def statistics_of_all(
        self,
        *,
        feed: str | None = None,
        calendar: str | None = None,
        prefix: str | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> Pages[Statistics]:
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
    ) -> Pages[PriceChange]:
        """Newest closes, and what they changed by."""
        named = [keys] if isinstance(keys, str) else keys
        asked = queries(instrument_key=named, feed=feed, sort=sort, order=order, numbers="text")
        return self._pages(Asked(PriceChange, "price_changes", path("price-changes"), asked, page_size, most=limit))
