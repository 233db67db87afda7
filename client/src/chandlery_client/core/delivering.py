"""What became of batches: taken, refused in part, or not sent, in which case they are kept."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from chandlery_client.errors import ClientError, RefusedRow, RowsRefused, RowsUnsent
from chandlery_client.rows.sent import SentRow

from .batching import REFUSED, Batch, Batcher, Sent
from .exchange import Exchange
from .wire import Steps

Row = TypeVar("Row", bound=SentRow)
OnRefused = Callable[[RefusedRow], None]


class Delivery(Generic[Row]):
    """The batches of a writer, until each is acknowledged."""

    def __init__(self, exchange: Exchange, batcher: Batcher[Row], on_refused: OnRefused | None) -> None:
        self.sent = Sent()
        self._exchange, self._batcher, self._on_refused = exchange, batcher, on_refused
        self._unsent: list[Batch[Row]] = []
        self._error: ClientError | None = None

    def send(self, batch: Batch[Row]) -> Steps[None]:
        """Send a batch; where that fails it is kept."""
        if self._error is not None:
            # As the one before it: none is lost, and none waits for another deadline.
            self._unsent.append(batch)
            return
        try:
            response = yield from self._exchange.answer(batch.request, answers=REFUSED)
            self._take(batch.sent(response))
        except ClientError as error:
            self._unsent.append(batch)
            self._error = self._error or error

    def lose_none(self, batch: Batch[Row]) -> None:
        """Keep a batch whose sending was broken off."""
        self._unsent.append(batch)

    def again(self) -> Sequence[Batch[Row]]:
        """The batches that failed, to be sent again."""
        batches, self._unsent, self._error = self._unsent, [], None
        return batches

    @property
    def unsent(self) -> tuple[Row, ...]:
        """Rows that no server has acknowledged, but for those under way."""
        return tuple(row for batch in self._unsent for row in batch.rows) + tuple(self._batcher.waiting)

    def check(self) -> None:
        """Say that a batch failed.

        Raises:
            RowsUnsent: one did.
        """
        if self._error is not None:
            raise RowsUnsent(self.unsent, self._error) from self._error

    def finish(self) -> None:
        """Say what did not go well.

        Raises:
            RowsUnsent: a batch failed.
            RowsRefused: rows were refused, and nobody was given them.
        """
        self.check()
        if self.sent.refused or self.sent.refused_unnamed:
            raise RowsRefused(self.sent.refused, self.sent.refused_unnamed)

    def _take(self, sent: Sent) -> None:
        if self._on_refused is None:
            self.sent += sent
            return
        self.sent += Sent(sent.new, sent.known, sent.cancelled, (), sent.refused_unnamed)
        for row in sent.refused:
            self._on_refused(row)
