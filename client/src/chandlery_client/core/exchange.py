"""One call: the kept answer where it has not changed, else a new one, with as many attempts as the deadline allows."""

from dataclasses import dataclass, field, replace

from .clock import Clock
from .etags import Kept
from .retrying import Patience, send
from .wire import Request, Response, Steps

_HEADERS = {"Accept": "application/json, application/problem+json", "Accept-Encoding": "gzip"}


@dataclass(frozen=True)
class Exchange:
    """What all calls of a client have in common."""

    patience: Patience
    clock: Clock = field(default_factory=Clock)
    kept: Kept = field(default_factory=lambda: Kept(16 * 1024 * 1024))

    def answer(self, request: Request, *, answers: frozenset[int] = frozenset()) -> Steps[Response]:
        """The answer to a request.

        Raises:
            ClientError: there is none.
        """
        kept = self.kept.find(request)
        tagged = {"If-None-Match": kept.headers["etag"]} if kept else {}
        asked = replace(request, headers={**_HEADERS, **tagged, **request.headers})
        response = yield from send(asked, self.patience, self.clock, answers=answers | {304} if kept else answers)
        if kept is not None and response.status == 304:
            return kept
        self.kept.keep(request, response)
        return response
