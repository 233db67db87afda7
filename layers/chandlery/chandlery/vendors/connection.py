"""GET from one vendor's server: with its key, patience for what passes, and an end to patience.

urllib3 holds the socket, and counts tries and waits. The loop around it is ours: no library of retries ends what it
tries in the middle of a read, as the deadline does.
"""

import json
import ssl
from collections.abc import Callable
from typing import NamedTuple

from urllib3 import BaseHTTPResponse, Retry, Timeout
from urllib3.exceptions import HTTPError, InvalidHeader, LocationParseError, MaxRetryError, ProtocolError, SSLError
from urllib3.util import Url, parse_url

from chandlery.platform.domain.limits import VENDOR_RETRIES
from chandlery.platform.errors import Permanent, Retryable
from chandlery.vendors.deadline import Deadline, timed_pool
from chandlery.vendors.key import Key
from chandlery.words.counting import spell

# A full page of 50 000 candles is about 6 MB of JSON.
MAX_BODY_BYTES = 16 * 2**20
_SAID_BYTES = 65_536
_SAID_LETTERS = 200
_CHUNK_BYTES = 65_536

# Statuses below 500 that pass by themselves.
_PASSING = {408, 425, 429}
# A year: beyond any deadline, so the wait asked for is told as it is.
_RETRIES = Retry(
    total=VENDOR_RETRIES, backoff_factor=0.5, backoff_max=20, backoff_jitter=0.5, retry_after_max=31_536_000
)
# urllib3 would try the first time at once, which does not help a vendor that says "too many".
_LEAST_WAIT_SECONDS = 0.5


class Answer(NamedTuple):
    """What a server answered: its status, its body, and the seconds it asks to wait, if it does."""

    status: int
    body: bytes
    retry_after: float | None


class VendorConnection:
    """One vendor's server, asked by one caller at a time; holds a socket open between calls until closed.

    Raises:
        Permanent: the base URL is not one.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        key: Key,
        deadline: Deadline,
        sleep: Callable[[float], None],
        retries: int = VENDOR_RETRIES,
    ) -> None:
        self._retries = _RETRIES.new(total=retries)
        self._vendor, self._key, self._deadline, self._sleep = vendor, key, deadline, sleep
        self._base = _base(base_url)
        self._pool = timed_pool(_origin(self._base), deadline)

    def close(self) -> None:
        """Let go of the socket; a later call opens another."""
        self._pool.close()
        self._pool = timed_pool(_origin(self._base), self._deadline)

    def target(self, path: str) -> str:
        """The request target of a path below the base URL."""
        return (self._base.path or "").rstrip("/") + path

    def target_of(self, url: str) -> str:
        """The request target of a URL the server named; the key goes nowhere but to its base URL's server.

        Raises:
            Permanent: the URL leads elsewhere, or carries the key.
        """
        try:
            parsed = parse_url(url)
        except LocationParseError:
            raise Permanent(f"{self._vendor}'s next_url is not a URL; tell the vendor") from None
        if self._key.is_in(url):
            raise Permanent(f"{self._vendor}'s next_url carries the key, which must stay out of URLs; tell the vendor")
        if parsed.auth is not None or _origin(parsed) != _origin(self._base):
            raise Permanent(
                f"{self._vendor}'s next_url leads to {_origin(parsed)}, away from {_origin(self._base)}: the key is not"
                " sent there; correct VENDOR_URL if the vendor has moved"
            )
        return parsed.request_uri

    def get(self, target: str) -> Answer:
        """The first answer that will not pass by itself, whatever its status; redirects are not followed.

        Raises:
            Retryable: no such answer came before the deadline or in a few tries, or its body is too long.
            Permanent: the server's certificate is not to be trusted.
        """
        retries = self._retries
        while True:
            retry_after = None
            try:
                answer = self._ask(target)
                if not _passes(answer.status):
                    return answer
                problem = f"answered {answer.status}{self.said(answer)}"
                retry_after = answer.retry_after
            except (HTTPError, TimeoutError) as error:
                problem = self._failure(error)
            retries = self._next(retries, problem)
            self._wait(retry_after, retries, problem)

    def said(self, answer: Answer) -> str:
        """The server's own words about an error, in a line without the key; empty if it has none."""
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            return ""
        words = document.get("error") or document.get("message") if isinstance(document, dict) else None
        # Struck before it is cut: half a key is still half a key.
        return f" ({' '.join(self._key.struck_from(words).split())[:_SAID_LETTERS]})" if isinstance(words, str) else ""

    def _ask(self, target: str) -> Answer:
        step = self._deadline.step()
        response = self._pool.urlopen(
            "GET",
            target,
            headers=self._key.headers() | {"Accept": "application/json", "Accept-Encoding": "gzip"},
            timeout=Timeout(connect=step, read=step),
            # Retried above instead: urllib3 knows no deadline, and drains an error's body before it waits.
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            return Answer(response.status, self._body(response), _retry_after(response))
        finally:
            # Read to its end, it has gone back to the pool; otherwise nobody can use it again.
            response.close()

    def _body(self, response: BaseHTTPResponse) -> bytes:
        if response.status != 200:
            return response.read(_SAID_BYTES)
        body = bytearray()
        while chunk := response.read(_CHUNK_BYTES):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise Retryable(
                    f"{self._vendor}'s answer is longer than {MAX_BODY_BYTES} bytes and was broken off; try later, or"
                    " ask for a shorter window"
                )
        return bytes(body)

    def _failure(self, error: Exception) -> str:
        if isinstance(error, SSLError) and isinstance(error.args[0], ssl.SSLCertVerificationError):
            raise Permanent(
                f"the certificate of {_origin(self._base)} cannot be trusted: {error.args[0].verify_message}; check"
                " VENDOR_URL, and this machine's certificate authorities"
            ) from None
        said = str(error.args[0] if isinstance(error, ProtocolError) else error)
        return f"did not answer: {' '.join(self._key.struck_from(said).split())}"

    def _next(self, retries: Retry, problem: str) -> Retry:
        if not self._deadline.left():
            raise self._out_of_time(problem)
        try:
            return retries.increment()
        except MaxRetryError:
            raise Retryable(
                f"{self._vendor} {problem}, {spell(len(retries.history) + 1, 'time')} over; try later"
            ) from None

    def _wait(self, retry_after: float | None, retries: Retry, problem: str) -> None:
        seconds = max(retries.get_backoff_time(), _LEAST_WAIT_SECONDS) if retry_after is None else retry_after
        left = self._deadline.left()
        if seconds < left:
            self._sleep(seconds)
        elif retry_after is None:
            raise self._out_of_time(problem)
        else:
            raise Retryable(
                f"{self._vendor} {problem} and asks to wait {seconds:.0f} s, with {left:.0f} s left of the deadline of"
                f" {self._deadline.seconds:g} s; try again in {seconds:.0f} s"
            )

    def _out_of_time(self, problem: str) -> Retryable:
        return Retryable(
            f"{self._vendor} did not finish within {self._deadline.seconds:g} s; at last it {problem}; try later, or"
            " raise VENDOR_DEADLINE_SECONDS"
        )


def _passes(status: int) -> bool:
    return status in _PASSING or status >= 500


def _retry_after(response: BaseHTTPResponse) -> float | None:
    try:
        return _RETRIES.get_retry_after(response)
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _base(url: str) -> Url:
    try:
        parsed = parse_url(url)
    except LocationParseError:
        parsed = Url()
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.auth or parsed.query or parsed.fragment:
        # Not quoted: whoever puts the key there should not find it in the log as well.
        raise Permanent("VENDOR_URL is malformed; write https://host, without a key or a query")
    return parsed


def _origin(url: Url) -> str:
    port = url.port or {"http": 80, "https": 443}.get(url.scheme or "")
    return f"{url.scheme}://{url.host}:{port}"
