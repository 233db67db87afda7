"""Turn the minutes whose quotes, trades or open interest changed into strike candles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from psycopg import Connection

from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.minutes.domain.source import Source
from chandlery.minutes.store import marks
from chandlery.minutes.store.marks import Piece
from chandlery.options.store import strike_candles
from chandlery.options.store.strike_candles import StrikesWritten
from chandlery.words.window import CLOCK_ALLOWANCE, DAY, EARLIEST, MINUTE, Window, floor_minute


@dataclass(frozen=True)
class StrikesReport:
    """What one run did; times in seconds.

    `iv_ok_share` is of the newest minute written: the share of sides not expired that have an implied volatility.
    `chains_processed` counts the expiries made, minute by minute.
    """

    candles_written: int
    candles_revised: int
    candles_deleted: int
    chains_processed: int
    pieces: int
    pieces_left: int
    future_marks: int
    lag_seconds: float
    iv_ok_share: float | None

    @property
    def changed(self) -> bool:
        """Whether any candle is other than before the run."""
        return bool(self.candles_written or self.candles_revised or self.candles_deleted)


def aggregate_strikes(
    connection: Connection,
    scheduled_at: datetime,
    *,
    piece_contracts: int,
    has_time: Callable[[], bool],
    most_pieces: int | None = None,
) -> StrikesReport:
    """Write the strike candles of every due mark: the newest minute first, then the last day, then what is older.

    Each piece is a transaction of its own, so a run that dies or runs out of time leaves the rest for the next one.
    Candles of later minutes that stand on what a piece has made are marked, and made again before the run ends.

    Args:
        connection: in autocommit mode.
        scheduled_at: the run's identity and only clock, aware; minutes that end by then are due.
        piece_contracts: contracts whose changes one transaction takes, about.
        has_time: asked before each piece whether another one fits.
        most_pieces: pieces to write, at most; None: as many as there is time for.

    Raises:
        Retryable, Permanent: from the database; the pieces done so far stay done.
    """
    due = Window(EARLIEST, floor_minute(scheduled_at))
    total, done = StrikesWritten(), 0
    while left := _plan(connection, due, piece_contracts):
        for piece in left[: None if most_pieces is None else most_pieces - done]:
            if not has_time():
                break
            total += _write(connection, piece, due)
            done += 1
        else:
            if done != most_pieces:
                continue
        left = _plan(connection, due, piece_contracts)
        break
    oldest = min((piece.starts for piece in left), default=None)
    return StrikesReport(
        candles_written=total.written,
        candles_revised=total.revised,
        candles_deleted=total.deleted,
        chains_processed=total.chains,
        pieces=done,
        pieces_left=len(left),
        future_marks=marks.count_future(connection, STRIKE_CANDLES, scheduled_at + CLOCK_ALLOWANCE),
        lag_seconds=(due.ends - oldest - MINUTE).total_seconds() if oldest else 0.0,
        iv_ok_share=round(total.ok / total.sides, 4) if total.sides else None,
    )


def _plan(connection: Connection, due: Window, contracts: int) -> Sequence[Piece]:
    """The due pieces. All but the newest in order of time: what follows from a minute is then made after it, once."""
    newest_first = marks.plan_pieces(connection, STRIKE_CANDLES, due, contracts)
    newest, rest = newest_first[:1], newest_first[:0:-1]
    recent = [piece for piece in rest if piece.starts >= due.ends - DAY]
    return list(chain(newest, recent, (piece for piece in rest if piece.starts < due.ends - DAY)))


def _write(connection: Connection, piece: Piece, due: Window) -> StrikesWritten:
    source = Source.LIVE_AGGREGATED if piece.starts >= due.ends - DAY else Source.HISTORICAL_AGGREGATED
    with strike_candles.writing(connection):
        chains = strike_candles.take_marks(connection, piece)
        if not chains:
            return StrikesWritten()
        if strike_candles.collect_states(connection, piece):
            # numpy, only where there is something to compute.
            from chandlery.options.compute_values import compute_values

            compute_values(connection)
        return StrikesWritten(chains=chains) + strike_candles.write(connection, piece, source)
