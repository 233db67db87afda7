"""What passes between the core and a shell."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from chandlery_client.errors import ClientError

T = TypeVar("T")
Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; its path is percent-encoded."""

    method: str
    path: str
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One whole HTTP response; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """No response came, and why."""

    error: ClientError


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; give up after `seconds`."""

    request: Request
    seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for `seconds`."""

    seconds: float


# What a shell runs: it performs each step, and sends back what came of it (nothing of a wait).
Steps = Generator[Send | Wait, Response | Failure | None, T]
