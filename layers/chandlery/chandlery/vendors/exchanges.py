"""Exchanges as the library ccxt knows them: found, opened, and their errors in our words."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from chandlery.platform.errors import Permanent, Retryable, UnknownTicker

_ADVICE = "install it: pip install 'chandlery[collect]', or in a checkout: make collect"
# What ccxt stumbles over in an answer that is none of the exchange's.
_NOT_UNDERSTOOD = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


class AskedToWait(Retryable):
    """The exchange wants no requests for `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


def open_exchange(name: str, base_url: str | None, timeout_seconds: float, *, streams: bool = False) -> Any:
    """An exchange of ccxt, whose numbers are texts with every digit; with `streams` the one of its websockets.

    Args:
        name: as ccxt spells it.
        base_url: where its protocol is spoken instead; None: at the exchange's own addresses.
        timeout_seconds: longest wait for an answer.
        streams: whether its calls are coroutines, and trades can be watched.

    Raises:
        UnknownTicker: it knows no such exchange.
        Permanent: ccxt is not installed.
    """
    ccxt = load_ccxt()
    if name not in ccxt.exchanges:
        near = " ".join(get_close_matches(name, ccxt.exchanges)) or " ".join(ccxt.exchanges)
        raise UnknownTicker(f"ccxt knows no exchange {name}; did you mean one of: {near}?")
    if streams:
        # Not every exchange has websockets there.
        make = getattr(import_module("ccxt.pro"), name, None) or getattr(import_module("ccxt.async_support"), name)
    else:
        make = getattr(ccxt, name)
    exchange = make({"number": str, "enableRateLimit": True, "timeout": int(timeout_seconds * 1000)})
    exchange.enableLastJsonResponse = True
    if base_url:
        exchange.urls["api"] = moved(exchange.urls["api"], base_url)
    return exchange


def narrow_markets(exchange: Any, symbols: Sequence[str]) -> None:
    """Of an exchange's markets load those that symbols may be of: some come in lists of megabytes."""
    if exchange.id == "binance" and not any(":" in symbol for symbol in symbols):
        exchange.options["fetchMarkets"] = {"types": ["spot"]}


def load_ccxt() -> Any:
    """The library.

    Raises:
        Permanent: it is not installed; the message says how.
    """
    try:
        import ccxt
    except ImportError:
        raise Permanent(f"exchanges are asked by the library ccxt, which is not installed here; {_ADVICE}") from None
    return ccxt


def moved(addresses: Any, base_url: str) -> Any:
    """The same addresses, each at another server: paths stay, websockets stay websockets."""
    if isinstance(addresses, Mapping):
        return {name: moved(each, base_url) for name, each in addresses.items()}
    if not isinstance(addresses, str):
        return addresses
    there, here = urlsplit(base_url), urlsplit(addresses)
    secure = there.scheme == "https"
    scheme = ("wss" if secure else "ws") if here.scheme in ("ws", "wss") else there.scheme
    return here._replace(scheme=scheme, netloc=there.netloc).geturl()


@contextmanager
def exchange_errors_translated(exchange: Any, about: str) -> Iterator[None]:
    """Turn ccxt's errors into ours.

    Raises:
        AskedToWait: it wants to be left alone for a while.
        UnknownTicker: it does not trade that.
        Permanent: it refuses what was asked, and will again.
        Retryable: it did not answer, or not in words that anybody understands.
    """
    ccxt = load_ccxt()
    try:
        yield
    except ccxt.BadSymbol as error:
        raise UnknownTicker(f"{exchange.id} does not trade {about}: {_line(error)}") from None
    except (ccxt.RateLimitExceeded, ccxt.DDoSProtection) as error:
        seconds = _retry_after(exchange)
        raise AskedToWait(f"{exchange.id} wants fewer requests: {_line(error)}", seconds) from None
    except (ccxt.NotSupported, ccxt.AuthenticationError, ccxt.ArgumentsRequired, ccxt.BadRequest) as error:
        raise Permanent(f"{exchange.id} refuses {about}: {_line(error)}") from None
    except ccxt.BaseError as error:
        raise Retryable(f"{exchange.id} failed for {about}: {_line(error)}") from None
    except _NOT_UNDERSTOOD as error:
        raise Retryable(f"{exchange.id} answered for {about} what nobody understands: {_line(error)}") from None


def refuse_no_answer(exchange: Any, rows: Any) -> None:
    """Raises ValueError where there are no rows since the answer was no JSON: ccxt makes nothing of it."""
    if not rows and exchange.last_json_response is None:
        raise ValueError("no JSON")


def _retry_after(exchange: Any) -> float:
    """The seconds that its last answer asks to wait; 1 where it does not say."""
    headers = {name.lower(): value for name, value in (exchange.last_response_headers or {}).items()}
    said = str(headers.get("retry-after", ""))
    return float(said) if said.isdigit() else 1.0


def _line(error: BaseException) -> str:
    """What it says, in a line; of a connection ccxt says only what was asked, and its cause why it failed."""
    said = " ".join(f"{error}".split())[:200] or type(error).__name__
    return f"{said}: {_line(error.__cause__)}" if error.__cause__ else said
