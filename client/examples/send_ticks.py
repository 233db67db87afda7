"""Ticks of a feed, sent as they come: `python send_ticks.py KEY [URL]`. The instrument has to be there."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from chandlery_client import AsyncClient, RefusedRow, Tick


async def trades(key: str) -> AsyncIterator[Tick]:
    """Stands for what a feed brings."""
    starts = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    for number in range(1_200):
        time, price = starts + number * timedelta(milliseconds=50), Decimal("101.00") + Decimal(number % 7) / 100
        yield Tick(instrument=key, time=time, seq=number, price=price, size=Decimal(1 + number % 3))


def report(refused: RefusedRow) -> None:
    """What is bad, or in conflict, is not sent again."""
    print(f"refused: {refused.detail}", file=sys.stderr)


async def main(key: str, url: str = "http://127.0.0.1:8000") -> None:
    async with AsyncClient(url) as client:
        async with client.writer(Tick, feed="example", producer="send_ticks.py", on_refused=report) as writer:
            async for tick in trades(key):
                await writer.add(tick)
        print(f"{writer.sent.new} new, {writer.sent.known} known")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
