"""Real prices of options as the numerics read them: half a day of GOOG by the minute, AAPL's chains at the close."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import groupby
from math import nan
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from chandlery.options.domain.expiry import years_to_expiry
from chandlery.options.numerics import discount_factors, forward_by_parity, middle
from chandlery.options.numerics.normal import Floats

AAPL = ("2014-06-05", "2014-06-09", "2014-06-10")

# Rates need only be of the usual size: what is compared with them has the same.
_DAYS, _RATES = (30, 180), (0.002, 0.005)
_HALF_DAY = date(2015, 12, 24)
_NEW_YORK = ZoneInfo("America/New_York")

Row = dict[str, str]
Chain = defaultdict[float, list[float]]  # by strike: the newest price of the call, and of the put


@dataclass(frozen=True)
class Prices:
    """A row is a price of a contract at a time; `rows` is what the file says about it."""

    rows: list[Row]
    price: Floats
    spot: Floats
    forward: Floats
    strike: Floats
    years: Floats
    discount: Floats
    is_call: NDArray[np.bool_]


def goog(folder: Path, until: str = "9999") -> Prices:
    """Every change of a quote up to a time, with the forward of its expiry by what is newest in that minute."""
    spots = {row["time"]: float(row["close"]) for row in _rows(folder / "us-options-1m", "GOOG-2015-12-24-underlying")}
    chains: defaultdict[str, Chain] = defaultdict(_chain)
    found = []
    for minute, group in groupby(_rows(folder / "us-options-1m", "GOOG-2015-12-24-quotes"), lambda row: row["time"]):
        if minute > until:
            break
        rows = list(group)
        mids = middle(*([float(row[side] or nan) for row in rows] for side in ("bid", "ask")))
        found.append(_prices(rows, mids, datetime.fromisoformat(minute), spots[minute], chains))
    return Prices(
        [row for part in found for row in part.rows],
        *(
            np.concatenate([getattr(part, name) for part in found])
            for name in ("price", "spot", "forward", "strike", "years", "discount", "is_call")
        ),
    )


def aapl(folder: Path, day: str) -> Prices:
    """A session's last prices, with the spot that the file gives."""
    underlying, *rows = _rows(folder / "us-options", f"AAPL-{day}")
    closes = np.array([float(row["close"]) or nan for row in rows])
    at = _close_of(date.fromisoformat(day))
    return _prices(rows, closes, at, float(underlying["close"]), defaultdict(_chain))


def _rows(folder: Path, name: str) -> Iterator[Row]:
    with gzip.open(folder / f"{name}.csv.gz", "rt") as text:
        yield from csv.DictReader(text)


def _chain() -> Chain:
    return defaultdict(lambda: [nan, nan])


def _close_of(day: date) -> datetime:
    return datetime.combine(day, time(13 if day == _HALF_DAY else 16), _NEW_YORK)


def _prices(rows: list[Row], price: Floats, at: datetime, spot: float, chains: defaultdict[str, Chain]) -> Prices:
    """Prices of one time, which become the newest of their chains."""
    is_call = np.array([row["right"] in ("call", "C") for row in rows])
    strike = np.array([float(row["strike"]) for row in rows])
    for row, each, call, mid in zip(rows, strike.tolist(), is_call.tolist(), price.tolist(), strict=True):
        chains[row["expiry"]][each][0 if call else 1] = mid
    expiries = list(chains)
    years = np.array([years_to_expiry(at, _close_of(date.fromisoformat(expiry))) for expiry in expiries])
    discount = discount_factors(years, _DAYS, _RATES)
    chain, strikes, call, put = np.array(
        [(number, each, *sides) for number, expiry in enumerate(expiries) for each, sides in chains[expiry].items()]
    ).T
    chain = chain.astype(np.int64)
    forward = forward_by_parity(chain, strikes, call, put, discount[chain], len(expiries))
    of = np.array([expiries.index(row["expiry"]) for row in rows])
    return Prices(rows, price, np.full(len(rows), spot), forward[of], strike, years[of], discount[of], is_call)
