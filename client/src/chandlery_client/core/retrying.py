"""When a request is sent again: on 429, 502 to 504 and failed connections, until one deadline."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from chandlery_client.errors import ClientError, DeadlineExceeded, Problem

from .clock import Clock
from .problems import problem_of
from .wire import Failure, Request, Response, Send, Steps, Wait

RETRIED = frozenset({429, 502, 503, 504})
# Beyond what is waited in any case: of the wait, and of a wait of nothing.
_JITTER_SHARE, _JITTER_LEAST_SECONDS = 0.1, 0.1


@dataclass(frozen=True)
class Patience:
    """How long a call may take, and how its attempts are spread.

    Attributes:
        deadline: seconds for the call with all its attempts and waits.
        attempt: seconds for one attempt; API Gateway itself gives up after 30.
        first_wait: seconds before the second attempt, where the server names none; each later wait is twice as long.
        longest_wait: seconds at most, where the server names none.
        chance: a number from 0 to 1, from which jitter is made; it only adds to a wait.
    """

    deadline: float = 60.0
    attempt: float = 30.0
    first_wait: float = 0.25
    longest_wait: float = 8.0
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def wait(self, failures: int, error: ClientError, left: float) -> float | None:
        """Seconds to wait after N failures; None where the deadline comes first."""
        asked = error.retry_after if isinstance(error, Problem) else None
        own = min(self.first_wait * 2.0 ** min(failures - 1, 16), self.longest_wait)
        least = own if asked is None else asked.total_seconds()
        if least >= left:
            return None
        jitter = self.chance() * max(least * _JITTER_SHARE, _JITTER_LEAST_SECONDS)
        return min(least + jitter, left)


def send(
    request: Request, patience: Patience, clock: Clock, *, answers: frozenset[int] = frozenset()
) -> Steps[Response]:
    """Send a request until it is answered.

    Args:
        request: may be sent twice: what it asks for is the same however often it is asked.
        patience: how long.
        clock: the time.
        answers: statuses that are answers, though they usually mean a problem.

    Raises:
        ClientError: what the last attempt came to; at once, where the server asks to wait beyond the deadline.
    """
    ends, failures = clock.elapsed() + patience.deadline, 0
    error: ClientError | None = None
    while True:
        left = ends - clock.elapsed()
        reply = yield Send(request, min(left, patience.attempt))
        if isinstance(reply, Response) and (reply.status in answers or reply.status not in RETRIED):
            if reply.status < 400 or reply.status in answers:
                return reply
            raise problem_of(reply, clock.now())
        failures += 1
        # Of an attempt that the deadline cut short, the one before it says more.
        if error is None or left >= patience.attempt or not _is_out_of_time(reply):
            error = _error_of(reply, clock)
        wait = patience.wait(failures, error, ends - clock.elapsed()) if error.retryable else None
        if wait is None:
            raise error
        yield Wait(wait)
        if ends <= clock.elapsed():
            raise error


def _is_out_of_time(reply: Response | Failure | None) -> bool:
    return isinstance(reply, Failure) and isinstance(reply.error, DeadlineExceeded)


def _error_of(reply: Response | Failure | None, clock: Clock) -> ClientError:
    if isinstance(reply, Response):
        return problem_of(reply, clock.now())
    return reply.error if reply is not None else DeadlineExceeded("the shell sent nothing")
