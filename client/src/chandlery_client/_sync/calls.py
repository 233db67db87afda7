# Made of _async/calls.py by tools/make_sync.py: change that.
"""What the groups of methods have in common."""

from typing import TypeVar

from chandlery_client.core.paging import Asked, one_answer
from chandlery_client.core.wire import Query, Request

from .pages import Pages
from .shell import Shell

T = TypeVar("T")


class Calls:
    """Calls of one API, by one shell."""

    _shell: Shell

    def _pages(self, asked: Asked[T]) -> Pages[T]:
        return Pages(self._shell, asked)

    def _get(self, kind: type[T], path: str, query: Query = (), *, answers: frozenset[int] = frozenset()) -> T:
        steps = self._shell.exchange.answer(Request("GET", path, query), answers=answers)
        return one_answer(self._shell.run(steps), kind)

    def _post(self, kind: type[T], path: str, body: bytes) -> T:
        request = Request("POST", path, headers={"Content-Type": "application/json"}, body=body)
        return one_answer(self._shell.run(self._shell.exchange.answer(request)), kind)
