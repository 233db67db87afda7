# Made of _async/signals.py by tools/make_sync.py: change that.
"""Signals: what strategies say."""

from datetime import datetime

from chandlery_client.core.asking import path, queries
from chandlery_client.core.paging import Asked
from chandlery_client.rows.signals import Signal

from .calls import Calls
from .pages import Pages


class SignalCalls(Calls):
    """Signals of all strategies."""

    def signals(
        self,
        key: str | None = None,
        *,
        strategy: str | None = None,
        timeframe: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> Pages[Signal]:
        """What strategies said, the newest first."""
        asked = queries(instrument_key=key, strategy=strategy, timeframe=timeframe, from_=from_, to=to, numbers="text")
        return self._pages(Asked(Signal, "signals", path("signals"), asked, page_size, most=limit))

    def active_signals(
        self,
        key: str | None = None,
        *,
        strategy: str | None = None,
        timeframe: str | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> Pages[Signal]:
        """Signals that have not ended, the newest first."""
        asked = queries(instrument_key=key, strategy=strategy, timeframe=timeframe, numbers="text")
        return self._pages(Asked(Signal, "signals", path("signals", "active"), asked, page_size, most=limit))

    def latest_signals(
        self,
        *,
        strategy: str | None = None,
        timeframe: str | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> Pages[Signal]:
        """The latest signal of each instrument, by key."""
        asked = queries(strategy=strategy, timeframe=timeframe, numbers="text")
        return self._pages(Asked(Signal, "signals", path("signals", "latest"), asked, page_size, most=limit))
