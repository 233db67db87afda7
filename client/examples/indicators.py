"""Indicators over the newest candles: `python indicators.py KEY [URL]`."""

import sys

from chandlery_client import Client


def main(key: str, url: str = "http://127.0.0.1:8000") -> None:
    with Client(url) as client:
        computed = client.compute(key, ["sma", {"name": "rsi", "parameters": {"timeperiod": 14}}], "5m", limit=20)
        for series in computed.indicators:
            for name, values in series.outputs.items():
                print(f"{series.name}.{name} {dict(series.parameters)}: {values[-1]} at {computed.time[-1]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
