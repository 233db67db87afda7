"""The shell that blocks: performs what the core asks for, by httpx2."""

import time
from dataclasses import replace
from typing import TypeVar

import httpx2

from chandlery_client.core.exchange import Exchange
from chandlery_client.core.failures import failure_of, out_of_time
from chandlery_client.core.target import Auth, trust, url_of, user_agent
from chandlery_client.core.wire import Failure, Response, Send, Steps, Wait

from .timed_transport import Deadline, TimedTransport

T = TypeVar("T")


class Shell:
    """Connections to one API, which are kept and shared by all calls, of any thread."""

    def __init__(
        self, url: str, exchange: Exchange, auth: Auth, connections: int, transport: httpx2.BaseTransport | None
    ) -> None:
        self.exchange = exchange
        self._url, self._auth, self._deadline = url, auth, Deadline()
        # As a mount: proxies that the environment names go first.
        own = {"all://": TimedTransport(self._deadline, connections)} if transport is None else None
        self._http = httpx2.Client(
            transport=transport, mounts=own, verify=trust(), headers={"User-Agent": user_agent()}
        )

    def run(self, steps: Steps[T]) -> T:
        """Perform steps to their end."""
        reply: Response | Failure | None = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                result: T = done.value
                return result
            reply = self._perform(step)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _perform(self, step: Send | Wait) -> Response | Failure | None:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            return None
        if step.seconds <= 0:
            return Failure(out_of_time(step.seconds))
        with self._deadline.within(step.seconds):
            return self._send(step)

    def _send(self, step: Send) -> Response | Failure:
        asked, url = step.request, url_of(self._url, step.request)
        asked = replace(asked, headers={**asked.headers, **self._auth(asked, url)})
        try:
            answer = self._http.request(
                asked.method,
                url,
                headers=dict(asked.headers),
                content=asked.body or None,
                timeout=step.seconds,
            )
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            return Failure(failure_of(error, step.seconds))
        return Response(answer.status_code, dict(answer.headers), answer.content)
