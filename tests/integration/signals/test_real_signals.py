"""Rules over real history, one for one against the plain evaluation; whatever the order in which it came."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection, Cursor, sql

from chandlery.datasets.candles import CANDLES
from chandlery.gaps.import_candles import import_candles
from chandlery.minutes.store import candles
from chandlery.minutes.store.candle_columns import CandleColumns
from chandlery.signals.domain.rule import Rule
from chandlery.words.timeframe import Timeframe
from local.lots import checked_candle_lots
from tests.integration.derived_scene import listed
from tests.integration.indicators.test_indicators import part, real_minutes
from tests.integration.indicators.test_indicators_real import FILES, LATEST
from tests.integration.signals.signal_scene import process, rules_of, signals_of
from tests.plain_signals import PlainCandle, PlainRules, PlainSignal, plain_end

__all__ = ["real_minutes"]

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
BITCOIN = ("crypto-candles/BTCUSD-1m.csv.gz", "24/7", date(2016, 10, 1), date(2016, 10, 31))
SEEN = (Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.D1)
RULES: Sequence[Mapping[str, Any]] = (
    {"name": "cross", "condition": "sma(8) crosses_above sma(21)", "target": 2, "stop": 1, "lifetime": {"sessions": 2}},
    {
        "name": "reversal",
        "condition": "rsi(14) crosses_above 35 and not close < bbands.lowerband",
        "target": 1.5,
        "stop": 1.5,
        "atr": "atr(14)",
    },
    {
        "name": "breakout",
        "timeframe": "15m",
        "condition": "close > high lag 1 + 0.5 * atr(14) lag 1",
        "direction": "strong_sell",
        "target": 0.5,
        "stop": 0.5,
        "lifetime": {"buckets": 8},
    },
    {
        "name": "coarse",
        "condition": "1h.close > 1h.open and close crosses_below 1h.close or 1h.macd(3, 6, 2).macdhist lag 3 > 1d.low",
        "direction": "sell",
        "stop": 0.3,
        "lifetime": {"buckets": 30},
    },
    {"name": "every", "timeframe": "1h", "condition": "(close - open) / (high - low) > 0.5", "every": True},
    {"name": "minute", "timeframe": "1m", "condition": "ema(5) crosses_above 5m.ema(20)", "lifetime": {"buckets": 3}},
    {"name": "daily", "timeframe": "1d", "condition": "close > close lag 1", "lifetime": {"sessions": 1}},
)


def plain_rules(connection: Connection, instrument: int) -> PlainRules:
    return PlainRules({timeframe: _series(connection, instrument, timeframe) for timeframe in SEEN})


def _series(connection: Connection, instrument: int, timeframe: Timeframe) -> Sequence[PlainCandle]:
    closes: Mapping[date, datetime] = dict(
        connection.execute(
            "SELECT session_date, max(closes_at) FROM market.sessions JOIN market.instruments USING (calendar)"
            " WHERE instrument_id = %s GROUP BY 1",
            [instrument],
        ).fetchall()
    )

    def known_at(time: datetime) -> datetime:
        ends = timeframe.next_bucket(time)
        if timeframe is not Timeframe.D1:
            return ends
        return closes[time.date()] + (MINUTE if closes[time.date()] != ends else timedelta())

    query = sql.SQL(
        "SELECT time, open::float8, high::float8, low::float8, close::float8, volume::float8 FROM market.{}"
        " WHERE instrument_id = %s ORDER BY time"
    ).format(sql.Identifier(CANDLES.relation(timeframe)))
    return [PlainCandle(time, known_at(time), *rest) for time, *rest in connection.execute(query, [instrument])]


def assert_plain(
    connection: Connection, instrument: int, rules: Sequence[Rule], at: datetime, *, is_final: bool = True
) -> int:
    """What is stored is what the plain evaluation says, and has ended as it says; returns how many signals.

    Levels stay as they were said: of candles that were not final then, they may be others now.
    """
    plain, count = plain_rules(connection, instrument), 0
    minutes: Any = connection.execute(
        "SELECT time, open, high, low FROM market.candles WHERE instrument_id = %s ORDER BY time", [instrument]
    ).fetchall()
    for rule in rules:
        rows = connection.execute(
            "SELECT time, known_at, expires_at, price, target_price, stop_loss, ended_at, ended_by, ended_price"
            " FROM market.signals WHERE strategy = %s ORDER BY time",
            [rule.strategy],
        ).fetchall()
        spoken = plain.spoken(rule)
        standing = [row for row in rows if row[7] != "revised"]
        assert [row[0] for row in standing] == spoken, rule.strategy
        count += len(spoken)
        for row, after in zip(standing, [*standing, None][1:], strict=True):
            _time, known_at, expires_at, price, target, stop, *end = row
            signal = PlainSignal(rule.direction, known_at, expires_at, target, stop, after[1] if after else None)
            expected = plain_end(signal, minutes, at - MINUTE)
            assert tuple(end) == (expected or (None, None, None)), (rule.strategy, row)
            if is_final:
                _assert_levels(plain, rule, row[0], price, target, stop)
    return count


def _assert_levels(
    plain: PlainRules, rule: Rule, time: datetime, price: Decimal, target: Decimal | None, stop: Decimal | None
) -> None:
    if rule.atr is None:
        assert (target, stop) == (None, None)
        return
    place = next(n for n, each in enumerate(plain._series[rule.timeframe]) if each.time == time)
    atr, sign = plain.value(rule.atr, rule.timeframe, place), 1 if rule.direction > 0 else -1
    assert atr is not None
    for level, distance in ((target, rule.target), (stop, rule.stop and -rule.stop)):
        assert (level is None) == (distance is None)
        if level is not None and distance is not None:
            assert float(level) == pytest.approx(float(price) + sign * distance * atr, rel=1e-9)


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(("file", "calendar", "first", "last"), FILES, ids=lambda each: str(each)[:20])
def test_real_history_gives_the_signals_of_the_plain_evaluation(
    connection: Connection, real_data: Path, tmp_path: Path, file: str, calendar: str, first: date, last: date
) -> None:
    rules = rules_of(tmp_path, *RULES)
    (instrument,) = listed(connection, calendar, first, last, "X@A@EQ")
    with checked_candle_lots(real_data / file, latest=LATEST) as lots:
        import_candles(connection, instrument, lots)
    row = connection.execute("SELECT max(time) FROM market.candles").fetchone()
    assert row is not None
    at = row[0] + 20 * DAY + timedelta(minutes=31)
    report = process(connection, rules, at)
    assert (report.signal_marks_left, report.rules_unfilled) == (0, 0)
    assert assert_plain(connection, instrument, rules, at) == report.signals_raised > 50
    assert {backfilled for (backfilled,) in signals_of(connection, "backfilled")} == {True}
    assert not process(connection, rules, at).changed


@pytest.mark.long
def test_minutes_that_come_in_any_order_leave_the_same_signals(
    connection: Connection, real_minutes: CandleColumns, tmp_path: Path
) -> None:
    rules = rules_of(tmp_path, *RULES)
    (instrument,) = listed(connection, "24/7", date(2016, 10, 1), date(2016, 10, 31), "BITFINEX@BTCUSD@SPOT")
    starts, hours = datetime.fromisoformat("2016-10-07T00:00:00+00:00"), 48
    process(connection, rules, starts)
    shares = [starts + n * 20 * MINUTE for n in range(hours * 3)]
    # A third of them comes late, when the rest has been judged.
    draw = random.Random(7)
    late = set(draw.sample(shares, hours))
    order = [each for each in shares if each not in late] + draw.sample(sorted(late), hours)
    for number, since in enumerate(order):
        candles.write_vendor(connection, instrument, part(real_minutes, since, since + 20 * MINUTE))
        if number % 9 == 8:
            process(connection, rules, max(order[: number + 1]) + 21 * MINUTE)
    at = starts + hours * HOUR + timedelta(minutes=31)
    process(connection, rules, at)
    assert assert_plain(connection, instrument, rules, at, is_final=False) > 80
    counts: Mapping[str, int] = dict(
        connection.execute("SELECT ended_by, count(*) FROM market.signals GROUP BY 1").fetchall()
    )
    assert counts["revised"] > 10
    assert not process(connection, rules, at).changed


def real_candles(path: Path) -> CandleColumns:
    """The last candles of a file: some sessions."""
    with checked_candle_lots(path, latest=LATEST) as lots:
        found = [vars(lot) for lot in lots]
    return CandleColumns(**{name: [each for lot in found for each in lot[name]][-2_400:] for name in found[0]})


def dies_at(connection: Connection, statement: int, monkeypatch: pytest.MonkeyPatch, run: Callable[[], object]) -> bool:
    """Let a run die before its n-th statement; whether it had as many."""
    execute, left = Cursor.execute, [statement]

    def dying(self: Cursor[Any], *asked: Any, **named: Any) -> Cursor[Any]:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return execute(self, *asked, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Cursor, "execute", dying)
        try:
            run()
        except KeyboardInterrupt:
            return True
    return False


@pytest.mark.long
@pytest.mark.parametrize(("file", "calendar", "first", "last"), [*FILES, BITCOIN], ids=lambda each: str(each)[:20])
def test_runs_that_die_at_any_statement_or_come_twice_leave_the_same_signals(
    connection: Connection,
    real_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    calendar: str,
    first: date,
    last: date,
) -> None:
    rules, columns = rules_of(tmp_path, *RULES), real_candles(real_data / file)
    (instrument,) = listed(connection, calendar, first, last, "X@A@EQ")
    candles.write_vendor(connection, instrument, part(columns, columns.times[0], columns.times[-900]))
    process(connection, rules, columns.times[-900])
    shares = [(columns.times[at], columns.times[at + 14] + MINUTE) for at in range(-900, -15, 15)]
    draw = random.Random(11)
    late = set(draw.sample(shares, 12))
    order = [each for each in shares if each not in late] + draw.sample(sorted(late), 12)
    died = 0
    for number, share in enumerate(order):
        candles.write_vendor(connection, instrument, part(columns, *share))
        at = max(ends for _, ends in order[: number + 1]) + MINUTE
        died += dies_at(connection, 2 + number * 2, monkeypatch, partial(process, connection, rules, at))
        if number % 5 == 4:
            process(connection, rules, at)
            assert not process(connection, rules, at).changed
    assert died > 40
    at = columns.times[-1] + 20 * DAY + timedelta(minutes=31)
    process(connection, rules, at)
    assert assert_plain(connection, instrument, rules, at, is_final=False) > 50
    assert not process(connection, rules, at).changed
