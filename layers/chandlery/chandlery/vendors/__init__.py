"""Adapters of the vendors of historical candles, each behind the seam `domain.vendor.Vendor`."""

from collections.abc import Callable, Mapping
from typing import Any

from chandlery.platform.settings import Settings
from chandlery.vendors.domain.vendor import Vendor
from chandlery.vendors.key import vendor_key


def open_vendor(settings: Settings) -> Vendor | None:
    """The vendor these settings name; none if they name none.

    Raises:
        Permanent: its key is missing, refused or malformed, or its URL is.
        Retryable: Secrets Manager did not answer.
    """
    return _OPENED[settings.vendor](settings) if settings.vendor else None


# Each imported when opened: a function without a vendor need not wait for what it needs.
def _open_polygon(settings: Settings) -> Vendor:
    from chandlery.vendors.polygon import BASE_URL, Polygon

    return Polygon(
        settings.vendor_url or BASE_URL,
        vendor_key(settings),
        adjusted=settings.vendor_adjusted,
        **_patience(settings),
    )


def _open_ccxt(settings: Settings) -> Vendor:
    from chandlery.vendors.exchange_minutes import ExchangeMinutes

    return ExchangeMinutes(settings.vendor_url, **_patience(settings))


def _patience(settings: Settings) -> Mapping[str, Any]:
    return {
        "timeout_seconds": settings.vendor_timeout_seconds,
        "deadline_seconds": settings.vendor_deadline_seconds,
        "retries": settings.vendor_retries,
    }


_OPENED: Mapping[str, Callable[[Settings], Vendor]] = {"polygon": _open_polygon, "ccxt": _open_ccxt}
