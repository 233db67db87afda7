"""Real minutes as the numerics read them."""

import csv
import gzip
from datetime import datetime
from pathlib import Path

import numpy as np

from chandlery.indicators.numerics.candle_arrays import SessionCandles

FILES = ("us-candles-1m/IBM.csv.gz", "in-candles-1m/NIFTY50.csv.gz", "crypto-candles/BTCUSD-1m.csv.gz")


def real_candles(folder: Path, file: str) -> SessionCandles:
    """A file's minutes; the UTC day is the session, of which none of the three instruments crosses midnight."""
    with gzip.open(folder / file, "rt") as text:
        rows = list(csv.DictReader(text))
    time = np.array([int(datetime.fromisoformat(row["time"]).timestamp()) for row in rows])
    open_, high, low, close, volume = (
        np.array([float(row[name]) for row in rows]) for name in ("open", "high", "low", "close", "volume")
    )
    return SessionCandles(time, open_, high, low, close, volume, np.full(len(time), np.nan), time // 86400)
