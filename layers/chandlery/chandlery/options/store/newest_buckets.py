"""The newest bucket of each strike, which no roll-up has yet: the newest page of a timeframe is read from it."""

from collections.abc import Mapping
from typing import LiteralString

from psycopg import Connection

from chandlery.datasets.rollup import Rollup
from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.minutes.store.marks import Piece
from chandlery.platform.statements import run_with
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import WEEK

# What holds the newest bucket of each strike, by timeframe, under a roll-up's columns: they change with these.
NEWEST: Mapping[Timeframe, LiteralString] = {Timeframe.M1: "newest_strikes", Timeframe.M5: "newest_strikes_5m"}


def follow_minutes(connection: Connection, piece: Piece, *, is_any_deleted: bool) -> None:
    """Fold again, in their transaction, the newest buckets in which minutes of a piece were written or deleted."""
    for timeframe, relation in NEWEST.items():
        if STRIKE_CANDLES.is_own(timeframe):
            continue
        rollup = STRIKE_CANDLES.rollup_of(timeframe)
        lists = _lists(rollup)
        starts = timeframe.floor_bucket(piece.ends - WEEK if is_any_deleted else piece.starts)
        if is_any_deleted:
            run_with(connection, relation, lists, "write_newest_buckets:delete_lost_buckets", width=rollup.width)
        run_with(
            connection,
            relation,
            lists,
            "write_newest_buckets:upsert_newest_buckets",
            width=rollup.width,
            starts=starts,
            ends=timeframe.ceil_bucket(piece.ends),
        )


def _lists(rollup: Rollup) -> Mapping[str, str]:
    """The columns of a roll-up, as the queries ask for them."""
    *strike, bucket = rollup.key
    content = [bucket, *(part.name for part in rollup.parts)]
    folds = [f"time_bucket(%(width)s::interval, {bucket})", *(part.fold for part in rollup.parts)]
    lists = {
        "columns": [*strike, *content],
        "folds": [*strike, *folds],
        "content": content,
        "stored": [f"newest.{name}" for name in content],
        "given": [f"EXCLUDED.{name}" for name in content],
    }
    return {name: ", ".join(each) for name, each in lists.items()}
