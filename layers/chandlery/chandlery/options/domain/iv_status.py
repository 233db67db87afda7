"""Why an implied volatility is there, or is not."""

from datetime import timedelta
from enum import StrEnum

# For so long a quote or a trade counts, when nothing follows it.
STALE_AFTER = timedelta(minutes=15)


class IvStatus(StrEnum):
    """Of several reasons the first that holds is told, in this order; only with `ok` are there numbers."""

    EXPIRED = "expired"
    NO_QUOTE = "no_quote"  # no price above zero, or no forward to hold it against
    STALE = "stale"
    BELOW_INTRINSIC = "below_intrinsic"
    ABOVE_MAXIMUM = "above_maximum"  # a call above its discounted forward, a put above its discounted strike
    OK = "ok"
