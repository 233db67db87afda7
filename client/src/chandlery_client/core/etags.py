"""Answers that are kept with their ETags: an answer that has not changed is not sent again."""

from collections import OrderedDict

from .wire import Query, Request, Response


class Kept:
    """The newest answers, up to N bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._responses: OrderedDict[tuple[str, Query], Response] = OrderedDict()

    def find(self, request: Request) -> Response | None:
        """The answer that is kept; its tag goes into `If-None-Match`."""
        key = request.path, request.query
        if request.method == "GET" and key in self._responses:
            self._responses.move_to_end(key)
            return self._responses[key]
        return None

    def keep(self, request: Request, response: Response) -> None:
        """Keep an answer that has a tag, in the place of an earlier one."""
        key = request.path, request.query
        self._drop(key)
        has_tag = request.method == "GET" and response.status == 200 and "etag" in response.headers
        if not has_tag or len(response.body) > self._most:
            return
        self._responses[key] = response
        self._bytes += len(response.body)
        while self._bytes > self._most:
            self._drop(next(iter(self._responses)))

    def _drop(self, key: tuple[str, Query]) -> None:
        dropped = self._responses.pop(key, None)
        self._bytes -= len(dropped.body) if dropped else 0
