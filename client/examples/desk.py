"""Many instruments at the same time, and whether all is well: `python desk.py [URL]`."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from chandlery_client import AsyncClient, NotFound


async def main(url: str = "http://127.0.0.1:8000") -> None:
    async with AsyncClient(url) as client:
        status = await client.status()
        print(f"{status.health}: newest candle {status.newest_candle}")
        for cause in status.causes:
            print(f"  {cause.health} {cause.subject}: {cause.says}")
        keys = [instrument.instrument_key async for instrument in client.instruments(limit=100)]
        since = datetime.now(UTC) - timedelta(hours=1)
        count = 0
        async for candle in client.candles_of(keys, "1m", from_=since):
            count += candle.closed
        print(f"{len(keys)} instruments, {count} closed candles since {since:%H:%M}Z")
        async for gap in client.gaps(limit=5):
            print(f"  {gap.instrument_key} lacks {gap.minutes} minutes from {gap.starts}: {gap.reason}")
        try:
            async for day in client.coverage(keys[:1]):
                print(f"  {day.instrument_key} {day.session_date}: {day.coverage:.1%}")
        except NotFound as nothing:
            print(f"  {nothing.detail}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
