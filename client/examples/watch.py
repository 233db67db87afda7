"""One-minute candles as they change, until Ctrl-C: `python watch.py KEY [URL] [COUNT]`."""

import asyncio
import sys

from chandlery_client import AsyncClient


async def main(key: str, url: str = "http://127.0.0.1:8000", count: str = "") -> None:
    seen = 0
    async with AsyncClient(url) as client:
        async for candle in client.watch(key, "1m"):
            print(f"{candle.time:%H:%M}Z  {candle.close}  revision {candle.revision}")
            seen += 1
            if count and seen >= int(count):
                return


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
