"""Whether a contract has an implied volatility, and why not."""

from datetime import timedelta
from enum import StrEnum

# How long a price counts after the last quote or trade.
STALE_AFTER = timedelta(minutes=15)


class IvStatus(StrEnum):
    """In the order in which they are looked for: the first that holds counts. Only `ok` has an iv and greeks."""

    EXPIRED = "expired"
    NO_QUOTE = "no_quote"  # no price above zero, or no forward above zero
    STALE = "stale"
    BELOW_INTRINSIC = "below_intrinsic"
    ABOVE_MAXIMUM = "above_maximum"  # a call at its discounted forward or above, a put at its discounted strike
    OK = "ok"
