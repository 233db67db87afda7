"""What is traded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

ASSET_TYPES = ("stock", "etf", "crypto", "forex", "commodity", "index", "future", "option")
# A type has no slash, so that what follows a key in a path is told from it; %41 is how a path writes A.
_KEY = re.compile(r"(?!.*%[0-9A-Fa-f]{2})[^@\s]+@[^@\s]+@[^@\s/]+")
NO_KEY = "%s is not an instrument key: write EXCHANGE@SYMBOL@TYPE, as in NSE@NIFTY@INDEX"


@dataclass(frozen=True)
class Instrument:
    """An instrument as the database knows it; `key` reads EXCHANGE@SYMBOL@TYPE. All times are aware, UTC.

    Candles are expected from `listed_at`, or else `data_from` (its earliest candle), up to `delisted_at`; null: not
    known, or for ever. `tickers` is what vendors call it, by vendor; null: none does. `allow_negative` says whether its
    prices may lie below zero; `asset_type`, one of `ASSET_TYPES`, is null where neither its key nor anybody says.
    """

    instrument_id: int
    key: str
    calendar: str
    feed: str
    listed_at: datetime | None = None
    delisted_at: datetime | None = None
    data_from: datetime | None = None
    tickers: Mapping[str, str] | None = None
    allow_negative: bool = False
    name: str | None = None
    asset_type: str | None = None
    exchange: str | None = None
    sector: str | None = None
    industry: str | None = None
    uuid: UUID | None = None

    @property
    def expected_since(self) -> datetime | None:
        """Since when candles are expected; null: not at all yet."""
        return self.listed_at or self.data_from


def is_key(text: str) -> bool:
    """Whether a text reads EXCHANGE@SYMBOL@TYPE."""
    return bool(_KEY.fullmatch(text))


@dataclass(frozen=True)
class Description:
    """What somebody says of what an instrument is; null: nothing."""

    name: str | None = None
    asset_type: str | None = None
    sector: str | None = None
    industry: str | None = None


UNDESCRIBED = Description()


def exchange_of(key: str) -> str:
    """The exchange an instrument key names.

    Raises:
        ValueError: the key does not read EXCHANGE@SYMBOL@TYPE.
    """
    if not is_key(key):
        raise ValueError(NO_KEY % f'"{key}"')
    return key.partition("@")[0]
