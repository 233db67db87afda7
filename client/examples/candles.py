"""The newest candles of an instrument, one by one and as a frame: `python candles.py KEY [URL]`."""

import sys

from chandlery_client import Client


def main(key: str, url: str = "http://127.0.0.1:8000") -> None:
    with Client(url) as client:
        for candle in client.candles(key, "1h", limit=3):
            print(f"{candle.time:%Y-%m-%d %H:%M}Z  close {candle.close}  volume {candle.volume}  vwap {candle.vwap}")
        frame = client.candles(key, "5m", limit=500).to_polars()
        print(frame.select("time", "open", "high", "low", "close", "volume").tail(5))


if __name__ == "__main__":
    main(*sys.argv[1:])
