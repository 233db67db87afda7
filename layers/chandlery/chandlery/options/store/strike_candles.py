"""Strike candles, and the only way to write them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.minutes.domain.source import Source
from chandlery.minutes.store.marks import Piece
from chandlery.options.store import newest_buckets
from chandlery.platform.connection import transaction
from chandlery.platform.statements import run, run_with

_CREATED = (
    "write_strike_candles:create_touched_contracts",
    "write_strike_candles:create_touched_chains",
    "write_strike_candles:create_contract_values",
    "write_strike_candles:create_rung_values",
    "write_strike_candles:create_chain_values",
    "write_strike_candles:create_incoming_strikes",
)
# They tell of the writing; all others of what was written.
_OF_WRITING = ("source", "version", "revision", "created_at", "updated_at")


@dataclass(frozen=True)
class StrikesWritten:
    """What was done to strike candles; `ok` of `sides` that have not expired have an implied volatility.

    A chain is what belongs together in a minute: the contracts of one expiry of an underlying.
    """

    written: int = 0
    revised: int = 0
    deleted: int = 0
    chains: int = 0
    ok: int = 0
    sides: int = 0

    def __add__(self, other: "StrikesWritten") -> "StrikesWritten":
        """Both together; sides are those of the newer one, which comes first."""
        return StrikesWritten(
            self.written + other.written,
            self.revised + other.revised,
            self.deleted + other.deleted,
            self.chains + other.chains,
            *((self.ok, self.sides) if self.sides else (other.ok, other.sides)),
        )


@contextmanager
def writing(connection: Connection) -> Iterator[None]:
    """One writer of strike candles at a time, for the length of a transaction.

    The lock comes first: each later statement then sees all that earlier writers committed.
    """
    with transaction(connection):
        run(connection, "lock_writers", dataset=STRIKE_CANDLES.name)
        # Bounds exclude chunks as a piece is planned: to exclude them again at each probe costs more than the probe.
        run(connection, "set_chunk_exclusion", setting="off")
        for step in _CREATED:
            _run(connection, step)
        yield


def take_marks(connection: Connection, piece: Piece) -> int:
    """Take the marks of a piece, mark what stands on it in later minutes, and list its chains; returns how many."""
    stretch = _stretch(piece)
    _run(connection, "write_strike_candles:take_marks", dataset=STRIKE_CANDLES.name, **stretch)
    chains = _run(connection, "write_strike_candles:list_chains", **stretch).rowcount
    _run(connection, "write_strike_candles:mark_following", dataset=STRIKE_CANDLES.name, **stretch)
    return int(chains)


def collect_states(connection: Connection, piece: Piece) -> bool:
    """Collect what is known of each contract of the chains; returns whether there is anything to compute from."""
    stretch = _stretch(piece)
    _run(connection, "write_strike_candles:analyze_chains")
    _run(connection, "write_strike_candles:close_underlyings", **stretch)
    _run(connection, "write_strike_candles:collect_states", **stretch)
    _run(connection, "write_strike_candles:hear_underlyings")
    _run(connection, "write_strike_candles:analyze_states")
    return bool(_run(connection, "write_strike_candles:has_values").fetchone() == (True,))


def write(connection: Connection, piece: Piece, source: Source) -> StrikesWritten:
    """Write the candles of the chains, by what was collected and computed; and the newest of each strike."""
    stretch = _stretch(piece)
    _run(connection, "write_strike_candles:collect_strikes", source=source)
    _run(connection, "write_strike_candles:analyze_strikes")
    written, revised = _one(connection, "write_strike_candles:upsert_strikes", **stretch)
    deleted = _run(connection, "write_strike_candles:delete_emptied_strikes", **stretch).rowcount
    if written or revised:
        _run(connection, "write_strike_candles:upsert_newest_strikes", **stretch)
    if deleted and _run(connection, "write_strike_candles:delete_lost_newest").rowcount:
        _run(connection, "write_strike_candles:find_newest_again", **stretch)
    if written or revised or deleted:
        newest_buckets.follow_minutes(connection, piece, is_any_deleted=deleted > 0)
    ok, sides = _one(connection, "write_strike_candles:count_statuses")
    return StrikesWritten(written=written, revised=revised, deleted=deleted, ok=ok, sides=sides)


def _stretch(piece: Piece) -> Mapping[str, Any]:
    return {"starts": piece.starts, "ends": piece.ends}


def _one(connection: Connection, step: str, **values: Any) -> tuple[int, int]:
    row = _run(connection, step, **values).fetchone()
    if row is None:
        raise AssertionError("an aggregate without groups answers one row")
    return row[0], row[1]


def _run(connection: Connection, step: str, **values: Any) -> Any:
    return run_with(connection, "", _LISTS, step, **values)


def _lists() -> Mapping[str, str]:
    """The columns of strike candles, as the queries ask for them."""
    key = STRIKE_CANDLES.key
    content = [name for name in STRIKE_CANDLES.columns if name not in (*key, *_OF_WRITING)]
    of_row = {"said": "i", "stored": "s", "given": "EXCLUDED"}
    lists = {"key": [*key], "content": content, "stored_key": [f"s.{name}" for name in key]}
    lists |= {name: [f"{row}.{column}" for column in content] for name, row in of_row.items()}
    return {name: ", ".join(each) for name, each in lists.items()}


_LISTS = _lists()
