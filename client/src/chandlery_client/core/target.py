"""Where requests go, and who sends them."""

import ssl
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import quote, urlencode, urlsplit

import httpx2

from chandlery_client.errors import BadArgument

from .wire import Request

# What proves who calls: headers for a request and its whole URL, made for each attempt.
Auth = Callable[[Request, str], Mapping[str, str]]
Token = str | Callable[[], str]


def base_url(url: str) -> str:
    """The address of an API, without a slash at its end.

    Raises:
        BadArgument: it is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadArgument(f"url: {url!r} is not the address of an API, such as http://127.0.0.1:8000")
    return url.rstrip("/")


def url_of(base: str, request: Request) -> str:
    """The whole URL of a request."""
    query = urlencode(request.query, quote_via=quote, safe="")
    return f"{base}{request.path}?{query}" if query else f"{base}{request.path}"


def bearer(token: Token) -> Auth:
    """A token of an issuer that the API trusts; a function is asked for each attempt, so a token may expire."""

    def headers(_request: Request, _url: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {token if isinstance(token, str) else token()}"}

    return headers


def auth_of(token: Token | None, auth: Auth | None) -> Auth:
    """The proof of who calls.

    Raises:
        BadArgument: there are two.
    """
    if token is not None and auth is not None:
        raise BadArgument("give token or auth, not both")
    if token is not None:
        return bearer(token)
    return auth or (lambda _request, _url: {})


@cache
def trust() -> ssl.SSLContext:
    """Whom connections trust: the system's authorities. Made once, as reading them takes a while."""
    return httpx2.create_ssl_context()


def user_agent() -> str:
    """What the service's log sees."""
    try:
        return f"chandlery-client/{version('chandlery-client')}"
    except PackageNotFoundError:
        return "chandlery-client"
