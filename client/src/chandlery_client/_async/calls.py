"""What the groups of methods have in common."""

from typing import TypeVar

from chandlery_client.core.paging import Asked, one_answer
from chandlery_client.core.wire import Query, Request

from .pages import AsyncPages
from .shell import AsyncShell

T = TypeVar("T")


class AsyncCalls:
    """Calls of one API, by one shell."""

    _shell: AsyncShell

    def _pages(self, asked: Asked[T]) -> AsyncPages[T]:
        return AsyncPages(self._shell, asked)

    async def _get(self, kind: type[T], path: str, query: Query = (), *, answers: frozenset[int] = frozenset()) -> T:
        steps = self._shell.exchange.answer(Request("GET", path, query), answers=answers)
        return one_answer(await self._shell.run(steps), kind)

    async def _post(self, kind: type[T], path: str, body: bytes) -> T:
        request = Request("POST", path, headers={"Content-Type": "application/json"}, body=body)
        return one_answer(await self._shell.run(self._shell.exchange.answer(request)), kind)
