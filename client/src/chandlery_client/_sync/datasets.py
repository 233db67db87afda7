# Made of _async/datasets.py by tools/make_sync.py: change that.
"""Sentiment, flows, and rows of any data set."""

from datetime import datetime
from typing import Any

from chandlery_client.core.asking import path, queries
from chandlery_client.core.paging import Asked
from chandlery_client.rows.buckets import FlowsBucket, SentimentBucket

from .calls import Calls
from .candles import NEWEST
from .pages import Pages


class DatasetCalls(Calls):
    """Buckets and rows of other data sets than candles."""

    def sentiment(
        self,
        key: str,
        timeframe: str = "1h",
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        source: str | None = None,
        by_source: bool = False,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> Pages[SentimentBucket]:
        """Sentiment by the hour or day: over all sources, of one, or a row for each."""
        asked = queries(timeframe=timeframe, from_=from_, to=to, source=source, by_source=by_source, numbers="text")
        most = NEWEST if limit is None and from_ is None else limit
        route = path("sentiment", key)
        return self._pages(Asked(SentimentBucket, "rows", route, asked, page_size, backward=from_ is None, most=most))

    def flows(
        self,
        key: str,
        timeframe: str = "1h",
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        venue: str | None = None,
        by_venue: bool = False,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> Pages[FlowsBucket]:
        """Flows by the hour or day: over all venues, of one, or a row for each."""
        asked = queries(timeframe=timeframe, from_=from_, to=to, venue=venue, by_venue=by_venue, numbers="text")
        most = NEWEST if limit is None and from_ is None else limit
        route = path("flows", key)
        return self._pages(Asked(FlowsBucket, "rows", route, asked, page_size, backward=from_ is None, most=most))

    def rows(
        self,
        dataset: str,
        key: str,
        timeframe: str | None = None,
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        limit: int | None = None,
        page_size: int | None = None,
        **where: str,
    ) -> Pages[dict[str, Any]]:
        """Rows of any data set (`ticks`, one that the desk added), as they stand or rolled up to a timeframe.

        Values are as JSON has them: decimals and times are texts. `where` names dimensions: `venue="binance"`.
        """
        asked = queries(timeframe=timeframe, from_=from_, to=to, numbers="text", **where)
        most = NEWEST if limit is None and from_ is None else limit
        route = path("data", dataset, key)
        plain: Asked[dict[str, Any]] = Asked(dict, "rows", route, asked, page_size, from_ is None, most, is_plain=True)
        return self._pages(plain)
