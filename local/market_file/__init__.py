"""Reads files of ticks and of candles (CSV, gzipped CSV, Parquet) into checked Arrow record batches.

`open_tick_file` and `open_candle_file` are the two ways in. Whatever is wrong with a file is raised as a
`MarketFileError`: `BadRow` for one row, `UnreadableFile` for the file as a whole.
"""

from local.market_file.errors import BadRow, MarketFileError, UnreadableFile
from local.market_file.reader import MarketFileReader, open_candle_file, open_tick_file

__all__ = [
    "BadRow",
    "MarketFileError",
    "MarketFileReader",
    "UnreadableFile",
    "open_candle_file",
    "open_tick_file",
]
