"""What is missing and why, and whether all is well."""

from collections.abc import Iterable
from datetime import date, datetime

from chandlery_client.core.asking import path, queries
from chandlery_client.core.paging import Asked
from chandlery_client.rows.completeness import Day, Gap
from chandlery_client.rows.status import Health, Status

from .calls import AsyncCalls
from .pages import AsyncPages

# A verdict that is bad is an answer.
_VERDICTS = frozenset({503})


class AsyncCompletenessCalls(AsyncCalls):
    """Gaps, coverage, status, health."""

    def gaps(
        self,
        key: str | None = None,
        *,
        feed: str | None = None,
        reason: Iterable[str] | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        healed: bool = False,
        dataset: str | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[Gap]:
        """What is missing, and why, the earliest first; `healed` lists healed gaps too."""
        asked = queries(
            instrument_key=key, feed=feed, reason=reason, from_=from_, to=to, healed=healed, dataset=dataset
        )
        return self._pages(Asked(Gap, "gaps", path("gaps"), asked, page_size, most=limit))

    def coverage(
        self,
        keys: Iterable[str] | None = None,
        *,
        feed: str | None = None,
        from_: date | None = None,
        to: date | None = None,
        dataset: str | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[Day]:
        """How complete rows are, by key and session date, from `from_` to before `to`; the newest seven dates without.

        Raises:
            NotFound: nothing was expected there, or nobody has looked yet.
        """
        named = [keys] if isinstance(keys, str) else keys
        asked = queries(instrument_key=named, feed=feed, from_=from_, to=to, dataset=dataset)
        return self._pages(Asked(Day, "days", path("coverage"), asked, page_size))

    async def status(self) -> Status:
        """How components, aggregates, gaps, policies and the cache fare, and the verdict with its causes."""
        return await self._get(Status, path("timeframe-aggregation", "status"))

    async def health(self) -> Health:
        """Whether the service is ready, and how well the desk is; a bad verdict is an answer, and no error."""
        return await self._get(Health, path("health"), answers=_VERDICTS)
