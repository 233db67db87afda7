"""Half a day of GOOG's options, replayed: strike candles and roll-ups are what plain Python makes of it."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import dict_row

from chandlery.datasets.strike_candles import STRIKE_CANDLES
from chandlery.refresh.refresh_stale import refresh_stale
from chandlery.words.window import DAY, HOUR, MINUTE, Window
from tests.integration.market import always
from tests.integration.options import option_desk as desk
from tests.integration.options.option_desk import assert_newest_are_the_last, process

OPENS, CLOSES = datetime(2015, 12, 24, 14, 30, tzinfo=UTC), datetime(2015, 12, 24, 18, 0, tzinfo=UTC)
DAY_AFTER = CLOSES + DAY
_HALF_DAY = {"2015-12-24": time(13)}
Rows = Sequence[dict[str, Any]]
Kept = Mapping[str, Rows]


def read_goog(real_data: Path, kept: Window, expiries: Sequence[str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """Quotes, trades and the underlying of a stretch, and the morning's open interest; of some expiries, or of all."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in ("quotes", "trades", "open-interest", "underlying"):
        rows = desk.read_csv(real_data / "us-options-1m" / f"GOOG-2015-12-24-{name}.csv.gz")
        found[name] = [
            {**row, "time": datetime.fromisoformat(row["time"])}
            for row in rows
            if expiries is None or row.get("expiry") in {None, *expiries}
        ]
        if name != "open-interest":
            found[name] = [row for row in found[name] if kept.starts <= row["time"] < kept.ends]
    return found


def list_all(connection: Connection, rows: Kept) -> int:
    underlying = desk.open_underlying(connection, OPENS, CLOSES, "XNAS@GOOG@EQ")
    desk.list_contracts(
        connection, underlying, [*rows["quotes"], *rows["trades"], *rows["open-interest"]], closes=_HALF_DAY
    )
    return underlying


def write_parts(connection: Connection, underlying: int, rows: Kept, chance: random.Random, parts: int) -> None:
    """All of it, shuffled, in parts; after each a run that comes to its end, or is cut off somewhere."""
    shuffled = {name: chance.sample(each, len(each)) for name, each in rows.items()}
    for part in range(parts):
        some = {name: each[part::parts] for name, each in shuffled.items()}
        desk.write_quotes(connection, some["quotes"])
        desk.write_candles(connection, some["trades"])
        desk.write_candles(connection, some["underlying"], underlying)
        desk.write_open_interest(connection, some["open-interest"])
        pieces = iter([True] * chance.randrange(8))
        process(connection, DAY_AFTER - 4 * HOUR, has_time=lambda pieces=pieces: next(pieces, False))
    process(connection, DAY_AFTER - 4 * HOUR)


def test_some_minutes_of_two_expiries_in_any_order(connection: Connection, real_data: Path) -> None:
    some = Window(OPENS + 2 * HOUR, OPENS + 2 * HOUR + 6 * MINUTE)
    rows = read_goog(real_data, some, ["2015-12-24", "2016-02-05"])
    underlying = list_all(connection, rows)
    write_parts(connection, underlying, rows, random.Random(1), parts=2)
    desk.assert_as_folded(connection, underlying)
    assert_newest_are_the_last(connection)
    assert_rolled_up(connection)


@pytest.mark.long
def test_the_whole_half_day_minute_by_minute(connection: Connection, real_data: Path) -> None:
    rows = read_goog(real_data, Window(OPENS - HOUR, CLOSES + MINUTE))
    underlying = list_all(connection, rows)
    desk.write_open_interest(connection, rows["open-interest"])
    by_minute: dict[str, dict[datetime, list[dict[str, Any]]]] = {name: defaultdict(list) for name in rows}
    for name, each in rows.items():
        for row in each:
            by_minute[name][row["time"]].append(row)
    at = OPENS - 2 * MINUTE
    while at <= CLOSES:
        for name, write in (("quotes", desk.write_quotes), ("trades", desk.write_candles)):
            if by_minute[name][at]:
                write(connection, by_minute[name][at])
        if by_minute["underlying"][at]:
            desk.write_candles(connection, by_minute["underlying"][at], underlying)
        at += MINUTE
        assert process(connection, at).pieces_left == 0
    desk.assert_as_folded(connection, underlying)
    assert_newest_are_the_last(connection)
    assert_rolled_up(connection)


@pytest.mark.long
def test_the_whole_half_day_in_any_order(connection: Connection, real_data: Path) -> None:
    rows = read_goog(real_data, Window(OPENS - HOUR, CLOSES + MINUTE))
    underlying = list_all(connection, rows)
    write_parts(connection, underlying, rows, random.Random(2), parts=3)
    desk.assert_as_folded(connection, underlying)
    assert_newest_are_the_last(connection)


def assert_rolled_up(connection: Connection) -> None:
    """Each roll-up, before and after it is materialized, is the plain fold of the minutes."""
    cursor = connection.cursor(row_factory=dict_row)
    minutes = cursor.execute("SELECT * FROM market.strike_candles ORDER BY time").fetchall()
    for _ in range(2):
        for timeframe in STRIKE_CANDLES.timeframes:
            buckets = defaultdict(list)
            for row in minutes:
                buckets[row["expires_at"], row["strike"], row["contract"], timeframe.floor_bucket(row["time"])].append(
                    row
                )
            rows = cursor.execute(f"SELECT * FROM market.strike_candles_{timeframe.value}").fetchall()  # noqa: S608
            found = {(row["expires_at"], row["strike"], row["contract"], row["time"]): row for row in rows}
            assert found.keys() == buckets.keys()
            for key, each in buckets.items():
                wanted = rolled(each)
                assert {name: found[key][name] for name in wanted} == wanted, key
        refresh_stale(connection, DAY_AFTER, has_time=always)


def rolled(rows: Rows) -> dict[str, Any]:
    """What is kept of a bucket's minutes, in order."""

    def known(name: str) -> list[Any]:
        return [row[name] for row in rows if row[name] is not None]

    def edge(name: str, place: int) -> Any:
        return (known(name) or [None])[place]

    found: dict[str, Any] = {"minutes": len(rows), "underlying_close": edge("underlying_close", -1)}
    found |= {"rank": edge("rank", -1), "forward": edge("forward", -1), "moneyness": edge("moneyness", -1)}
    closes = known("underlying_close")
    found |= {"underlying_avg_total": sum(closes) if closes else None, "underlying_avg_weight": len(closes)}
    for side in ("call", "put"):
        for name in ("bid", "ask", "mid", "quoted_at", "iv_status", "close"):
            found[f"{side}_{name}"] = edge(f"{side}_{name}", -1)
        found[f"{side}_open"] = edge(f"{side}_open", 0)
        found[f"{side}_high"] = max(known(f"{side}_high"), default=None)
        found[f"{side}_low"] = min(known(f"{side}_low"), default=None)
        found[f"{side}_volume"] = sum(known(f"{side}_volume")) if known(f"{side}_volume") else None
        trades = known(f"{side}_trades")
        found[f"{side}_trades"] = sum(trades) if len(trades) == len(rows) else None
        published = [(row[f"{side}_oi_time"], row[f"{side}_oi"]) for row in rows if row[f"{side}_oi_time"]]
        found[f"{side}_oi_time"], found[f"{side}_oi"] = max(published, default=(None, None))
        for name in ("iv", "delta", "gamma", "theta", "vega"):
            # Each double as the database writes it: exactly, in fifteen digits at most.
            values = [Decimal(f"{value:.15g}") for value in known(f"{side}_{name}")]
            found[f"{side}_{name}_weight"] = len(values)
            found[f"{side}_{name}_total"] = sum(values) if values else None
    return found
