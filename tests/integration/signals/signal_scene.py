"""Rules over stored candles: runs of the signal processor's use case, and what they leave."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from psycopg import Connection

from chandlery.indicators.process_history import process_history
from chandlery.signals.domain.rule import Rule
from chandlery.signals.kept_set import with_rules
from chandlery.signals.process_signals import SignalReport, process_signals
from chandlery.signals.signal_rules import read_rules
from tests.integration.market import always, put_candles

_RULE: Mapping[str, Any] = {
    "name": "over",
    "version": 1,
    "timeframe": "5m",
    "condition": "close > 100",
    "direction": "buy",
    "strength": 0.5,
    "confidence": 0.5,
    "lifetime": {"buckets": 12},
}


def written(**said: Any) -> str:
    """A rule as the file has it."""
    values = {**_RULE, **said}
    lines = [f"{name} = {_toml(value)}" for name, value in values.items()]
    return "\n".join(["[[signals]]", *lines, ""])


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + " }"
    return f"'''{value}'''" if isinstance(value, str) else str(value)


def rules_of(folder: Path, *rules: Mapping[str, Any]) -> Sequence[Rule]:
    """Rules read from a file; what is left out is as in `_RULE`."""
    path = folder / "signals.toml"
    path.write_text("\n".join(written(**rule) for rule in rules))
    return read_rules(path)


def process(connection: Connection, rules: Sequence[Rule], at: datetime, **limits: Any) -> SignalReport:
    """A run, of rules' indicators alone."""
    compute = partial(
        process_history,
        connection,
        at,
        wanted=with_rules({}, rules),
        most_marks=200_000,
        piece_hours=50_000,
        has_time=always,
    )
    settings: dict[str, Any] = {"piece_instruments": 20_000, "fill_rows": 500_000, "has_time": always}
    return process_signals(connection, at, rules=rules, compute=compute, **(settings | limits))


def put_minutes(connection: Connection, instrument: int, rows: Iterable[Mapping[str, Any]], **columns: Any) -> None:
    """Minutes of a file's rows."""
    some = list(rows)
    names = ("open", "high", "low", "close", "volume")
    put_candles(
        connection,
        instrument,
        [datetime.fromisoformat(str(row["time"])) for row in some],
        **{name: [str(row[name]) for row in some] for name in names},
        **columns,
    )


def signals_of(connection: Connection, *columns: str) -> Sequence[tuple[Any, ...]]:
    """Columns of all signals, in order."""
    asked = ", ".join(columns or ("time", "ended_by", "ended_at", "ended_price"))
    order = "strategy, strategy_version, instrument_id, timeframe, time"
    return connection.execute(f"SELECT {asked} FROM market.signals ORDER BY {order}").fetchall()  # noqa: S608


MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
