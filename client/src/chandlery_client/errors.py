"""What can go wrong, by what a caller can do about it: `.retryable` says whether the same call may succeed later."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


class ClientError(Exception):
    """The root of all errors of this package."""

    retryable = False


class BadArgument(ClientError, ValueError):
    """An argument that no request can be made of."""


class NaiveTime(BadArgument):
    """A time without an offset: it may mean any of 38 instants."""


class MissingExtra(ClientError, ImportError):
    """A package is not installed that a method needs."""


class FrameError(ClientError, ValueError):
    """A value does not fit into the column of a frame without loss."""


class ConnectionFailed(ClientError):
    """The server could not be reached, or the connection was cut."""

    retryable = True


class DeadlineExceeded(ClientError):
    """No whole answer came before the deadline."""

    retryable = True


class BadAnswer(ClientError):
    """An answer that does not have the form the API documents."""


class CursorRepeated(BadAnswer):
    """A page named itself as the page after it: paging would never end."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of a request, or one line of a body."""

    field: str
    detail: str


class Problem(ClientError):
    """The server refused the request, or failed; problem details (RFC 9457) as attributes.

    Attributes:
        status: the HTTP status.
        title: the status in words.
        detail: what was wrong, and what to do.
        request_id: the service's log has more under this id.
        errors: the fields, or lines, that are wrong.
        retry_after: how long the server asked to wait; None where it did not.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str = "",
        request_id: str = "",
        errors: Sequence[FieldProblem] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}" if title else f"{status}: {detail}")
        self.status, self.title, self.detail = status, title, detail
        self.request_id, self.errors, self.retry_after = request_id, tuple(errors), retry_after


class BadRequest(Problem):
    """400: the request cannot be read."""


class Unauthorized(Problem):
    """401: no token, or one that has expired."""


class Forbidden(Problem):
    """403: the caller may not do this."""


class NotFound(Problem):
    """404: the instrument, or the route, does not exist."""


class TooLarge(Problem):
    """413: the body is too long."""


class Refused(Problem):
    """422: the request can be read, but makes no sense; `errors` names the fields."""


class TooManyRequests(Problem):
    """429: too much at once."""

    retryable = True


class ServerFailed(Problem):
    """500: the service failed; its log has the reason under `request_id`."""


class Unavailable(Problem):
    """502, 503 or 504: the service, or its database, is away or locked."""

    retryable = True


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that the server did not take: bad, or in conflict with what is stored."""

    row: object
    detail: str


class RowsRefused(ClientError):
    """The server took the other rows, and refused these, and `unnamed` more that it did not name."""

    def __init__(self, rows: Sequence[RefusedRow], unnamed: int = 0) -> None:
        count = len(rows) + unnamed
        first = f": {rows[0].detail}" if rows else ""
        super().__init__(f"{count:,} {'row was' if count == 1 else 'rows were'} refused{first}")
        self.rows, self.unnamed = tuple(rows), unnamed


class RowsUnsent(ClientError):
    """Rows that no server has acknowledged: `flush` tries again, and what was stored meanwhile is known."""

    def __init__(self, rows: Sequence[object], cause: ClientError) -> None:
        super().__init__(f"{len(rows):,} rows are not sent: {cause}")
        self.rows, self.retryable = tuple(rows), cause.retryable
