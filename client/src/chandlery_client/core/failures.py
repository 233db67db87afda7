"""What httpx2 raises, as errors of this package."""

import httpx2

from chandlery_client.errors import BadArgument, ClientError, ConnectionFailed, DeadlineExceeded


def failure_of(error: httpx2.RequestError | httpx2.InvalidURL, seconds: float) -> ClientError:
    """Why no response came."""
    if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        return BadArgument(f"the request cannot be sent: {error}")
    if isinstance(error, httpx2.TimeoutException):
        return out_of_time(seconds)
    return ConnectionFailed(f"{type(error).__name__}: {error or 'the connection was cut'}")


def out_of_time(seconds: float) -> DeadlineExceeded:
    """The attempt took too long."""
    return DeadlineExceeded(f"no whole answer within {seconds:.3g} s")
