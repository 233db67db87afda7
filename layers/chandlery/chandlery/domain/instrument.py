"""What is traded."""

import re
from dataclasses import dataclass

_KEY = re.compile(r"[^@\s]+@[^@\s]+@[^@\s]+")


@dataclass(frozen=True)
class Instrument:
    """An instrument as the database knows it; `key` reads EXCHANGE@SYMBOL@TYPE."""

    instrument_id: int
    key: str
    calendar: str
    feed: str


def exchange_of(key: str) -> str:
    """The exchange an instrument key names.

    Raises:
        ValueError: the key does not read EXCHANGE@SYMBOL@TYPE.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f'"{key}" is not an instrument key: write EXCHANGE@SYMBOL@TYPE, as in NSE@NIFTY@INDEX')
    return key.partition("@")[0]
