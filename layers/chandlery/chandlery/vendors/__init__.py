"""Adapters of the vendors of historical candles, each behind the seam `domain.vendor.Vendor`."""

from chandlery.platform.settings import Settings
from chandlery.vendors.domain.vendor import Vendor
from chandlery.vendors.key import vendor_key


def open_vendor(settings: Settings) -> Vendor | None:
    """The vendor these settings name; none if they name none.

    Raises:
        Permanent: its key is missing, refused or malformed, or its URL is.
        Retryable: Secrets Manager did not answer.
    """
    if settings.vendor is None:
        return None
    # Imported here: a function without a vendor need not wait for urllib3.
    from chandlery.vendors.polygon import Polygon

    return Polygon(
        settings.vendor_url,
        vendor_key(settings),
        adjusted=settings.vendor_adjusted,
        timeout_seconds=settings.vendor_timeout_seconds,
        deadline_seconds=settings.vendor_deadline_seconds,
        retries=settings.vendor_retries,
    )
