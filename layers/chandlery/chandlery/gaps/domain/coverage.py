"""How complete candles are."""


def coverage_of(expected: int, unexplained: int) -> float:
    """(present + explained) / expected minutes; where nothing was expected, nothing is missing: 1.

    Raises:
        ValueError: more minutes are unexplained than were expected, or either is negative.
    """
    if not 0 <= unexplained <= expected:
        raise ValueError(f"{unexplained} unexplained of {expected} expected minutes cannot be")
    return (expected - unexplained) / expected if expected else 1.0
