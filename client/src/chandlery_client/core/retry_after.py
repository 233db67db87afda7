"""The header Retry-After: seconds, or a date (RFC 9110, 10.2.3)."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"\d{1,12}")


def read_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """How long the server asks to wait, never negative; None where the header is absent or makes no sense."""
    if text is None:
        return None
    if _SECONDS.fullmatch(text.strip()):
        return timedelta(seconds=int(text))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    # Without a zone the standard means UTC.
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(at - now, timedelta(0))
