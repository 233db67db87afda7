"""Files of ticks and candles to read, and what they become."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.market_file import (
    MarketFileError,
    MarketFileReader,
    open_tick_file,
)

NOON = "2024-05-01T12:00:00Z"
Row = dict[str, Any]
Write = Callable[[str | bytes], Path]


@pytest.fixture
def ticks(tmp_path: Path) -> Write:
    return _writer(tmp_path / "ticks.csv")


@pytest.fixture
def candles(tmp_path: Path) -> Write:
    return _writer(tmp_path / "candles.csv")


def _writer(path: Path) -> Write:
    def write(content: str | bytes) -> Path:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(reader: MarketFileReader) -> list[Row]:
    with reader:
        return [row for batch in reader for row in batch.to_pylist()]


def tick(time: str = NOON, price: str = "1.5", size: str = "10") -> str:
    return f"time,price,size\n{time},{price},{size}\n"


def candle(*values: str) -> str:
    rows = (f"{NOON},{value}" for value in values)
    return "\n".join(["time,open,high,low,close,volume", *rows, ""])


def failure(reader: Callable[[], MarketFileReader]) -> str:
    with pytest.raises(MarketFileError) as caught:
        read(reader())
    return str(caught.value)


def seqs(path: Path, batch_rows: int = 50_000, **options: Any) -> list[int]:
    return [row["seq"] for row in read(open_tick_file(path, batch_rows=batch_rows, **options))]
