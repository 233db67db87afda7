"""How soon smoothings s' = a·s + (1 - a)·x forget where they began: k candles on, a^k of it is left."""

from math import ceil, log

Chain = tuple[float, ...]  # a's of smoothings of smoothings

# What suffices as a rule: moves of a hundred-thousandth of the price, forgotten to a hundred-billionth.
_USUAL = 1e-19
_NEXT_STAGE = 1e-12


def exponential(period: float) -> float:
    """What an exponential average of some candles keeps of itself from one to the next."""
    return 1 - 2 / (period + 1)


def wilder(period: float) -> float:
    """The same of Wilder's."""
    return 1 - 1 / period


def length(chain: Chain) -> int:
    """Candles after which a chain of smoothings has forgotten where it began."""
    slowest = max(chain, default=0.0)
    return _candles_until(_USUAL, slowest) + between(slowest, len(chain))


def between(factor: float, stages: int) -> int:
    """Candles after which the last of some stages begins to forget: when the one before it has."""
    return (stages - 1) * _candles_until(_NEXT_STAGE, factor)


def _candles_until(left: float, factor: float) -> int:
    """The least k for which factor^k is at most what is left: ln(left) / ln(factor)."""
    return ceil(log(left) / log(factor)) if factor > 0 else 0
