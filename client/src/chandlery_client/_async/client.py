"""The async client."""

from types import TracebackType
from typing import Self, TypeVar

import httpx2

from chandlery_client.core.clock import Clock
from chandlery_client.core.delivering import OnRefused
from chandlery_client.core.etags import Kept
from chandlery_client.core.exchange import Exchange
from chandlery_client.core.retrying import Patience
from chandlery_client.core.target import Auth, Token, auth_of, base_url
from chandlery_client.rows.sent import SentRow

from .candles import AsyncCandleCalls
from .completeness import AsyncCompletenessCalls
from .datasets import AsyncDatasetCalls
from .instruments import AsyncInstrumentCalls
from .options import AsyncOptionCalls
from .shell import AsyncShell
from .signals import AsyncSignalCalls
from .writer import AsyncWriter

Row = TypeVar("Row", bound=SentRow)


class AsyncClient(
    AsyncCandleCalls,
    AsyncCompletenessCalls,
    AsyncDatasetCalls,
    AsyncInstrumentCalls,
    AsyncOptionCalls,
    AsyncSignalCalls,
):
    """Chandlery's HTTP API.

    Args:
        url: where it answers: `http://127.0.0.1:8000` of `chandlery up`, or the deployed one's.
        token: of an issuer that the API trusts, or a function that gives one.
        auth: headers for each attempt, as `aws_auth(region)` makes them.
        patience: how long a call may take, and how its attempts are spread.
        connections: at the same time, at most.
        kept_bytes: of answers that are kept with their ETags.
        clock: the time; for tests.
        transport: httpx2's, where its own is not wanted: for a proxy, or for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token | None = None,
        auth: Auth | None = None,
        patience: Patience | None = None,
        connections: int = 10,
        kept_bytes: int = 16 * 1024 * 1024,
        clock: Clock | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        exchange = Exchange(patience or Patience(), clock or Clock(), Kept(kept_bytes))
        self._shell = AsyncShell(base_url(url), exchange, auth_of(token, auth), connections, transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._shell.close()

    def writer(
        self,
        row: type[Row],
        *,
        feed: str,
        producer: str,
        batch_rows: int = 500,
        flush_seconds: float = 1.0,
        senders: int = 4,  # async only
        on_refused: OnRefused | None = None,
    ) -> AsyncWriter[Row]:
        """A writer of rows, in batches: `async with client.writer(Tick, feed=…, producer=…) as writer`.

        Args:
            row: the type of its rows: Tick, OptionQuote, OpenInterest, SentimentItem, FlowLeg.
            feed: where they come from.
            producer: who sends them.
            batch_rows: rows in a batch, at most.
            flush_seconds: a row waits for so long, at most, until its batch is sent.
            senders: batches under way at the same time; with all of them busy `add` waits.  # async only
            on_refused: gets each row that the server refuses; without it `RowsRefused` is raised at the end.
        """
        return AsyncWriter(
            self._shell,
            row,
            feed,
            producer,
            batch_rows,
            on_refused,
            flush_seconds=flush_seconds,
            senders=senders,  # async only
        )
