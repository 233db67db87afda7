"""The async shell: performs what the core asks for, by httpx2."""

from dataclasses import replace
from typing import TypeVar

import anyio
import httpx2

from chandlery_client.core.exchange import Exchange
from chandlery_client.core.failures import failure_of, out_of_time
from chandlery_client.core.target import Auth, trust, url_of, user_agent
from chandlery_client.core.wire import Failure, Response, Send, Steps, Wait

T = TypeVar("T")


class AsyncShell:
    """Connections to one API, which are kept and shared by all calls."""

    def __init__(
        self, url: str, exchange: Exchange, auth: Auth, connections: int, transport: httpx2.AsyncBaseTransport | None
    ) -> None:
        self.exchange = exchange
        self._url, self._auth = url, auth
        self._http = httpx2.AsyncClient(
            transport=transport,
            verify=trust(),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            # One deadline covers all of an attempt.
            timeout=None,
            headers={"User-Agent": user_agent()},
        )

    async def run(self, steps: Steps[T]) -> T:
        """Perform steps to their end."""
        reply: Response | Failure | None = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as done:
                result: T = done.value
                return result
            reply = await self._perform(step)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _perform(self, step: Send | Wait) -> Response | Failure | None:
        if isinstance(step, Wait):
            await anyio.sleep(step.seconds)
            return None
        with anyio.move_on_after(max(step.seconds, 0)):
            return await self._send(step)
        return Failure(out_of_time(step.seconds))

    async def _send(self, step: Send) -> Response | Failure:
        asked, url = step.request, url_of(self._url, step.request)
        # In a thread: credentials may have to be fetched first.
        proof = await anyio.to_thread.run_sync(self._auth, asked, url)
        asked = replace(asked, headers={**asked.headers, **proof})
        try:
            answer = await self._http.request(
                asked.method, url, headers=dict(asked.headers), content=asked.body or None
            )
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            return Failure(failure_of(error, step.seconds))
        return Response(answer.status_code, dict(answer.headers), answer.content)
