"""Signals: raised where a rule becomes true, of closed and complete buckets; ended by what comes after."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from psycopg.errors import CheckViolation

from chandlery.platform.errors import Permanent
from chandlery.signals.check_lookahead import check_lookahead
from chandlery.signals.domain.grammar import CANDLE_COLUMNS
from chandlery.signals.domain.rule import Rule
from chandlery.signals.domain.source import Source
from chandlery.signals.domain.syntax import Crossing, Lag
from chandlery.signals.store.outcomes import sum_outcomes
from chandlery.words.timeframe import Timeframe
from chandlery.words.window import Window
from tests.integration.market import around_the_clock, put_candles
from tests.integration.signals.signal_scene import HOUR, MINUTE, process, put_minutes, rules_of, signals_of

DAY = datetime(2026, 3, 2, tzinfo=UTC)
KEY = "TEST@X@STOCK"


def at(text: str, day: int = 2) -> datetime:
    hours, minutes = map(int, text.split(":"))
    return DAY.replace(day=day) + timedelta(hours=hours, minutes=minutes)


def minutes(since: str, closes: Sequence[float], volume: float = 10) -> list[dict[str, Any]]:
    """Minutes, each of one price."""
    starts = at(since)
    return [
        {
            "time": (starts + n * MINUTE).isoformat(),
            "open": close,
            "high": close,
            "low": close,
            "close": close,
            "volume": volume,
        }
        for n, close in enumerate(closes)
    ]


@pytest.fixture
def instrument(connection: Connection) -> int:
    return around_the_clock(connection, KEY)[0]


def test_an_hour_is_seen_from_its_end_on(connection: Connection, instrument: int, tmp_path: Path) -> None:
    rules = rules_of(tmp_path, {"condition": "close > 100 and 1h.volume > 1000", "rationale": "{1h.volume} at {close}"})
    hours = [row for n, volume in enumerate((15, 20, 2)) for row in minutes(f"{13 + n}:00", [101] * 60, volume)]
    put_minutes(connection, instrument, hours)
    # Cut off at 15:00, and again whole.
    for moment in ("15:01", "16:01"):
        process(connection, rules, at(moment))
        found = signals_of(connection, "time", "known_at", "rationale", "indicators_used")
        (time, known_at, rationale, used) = found[0]
        assert (len(found), time, known_at, rationale) == (1, at("14:55"), at("15:00"), "1200 at 101")
    assert [(each["name"], each["value"], each["time"]) for each in used] == [
        ("close", 101, "2026-03-02T14:55:00+00:00"),
        ("volume", 1200, "2026-03-02T14:00:00+00:00"),
    ]
    every = rules_of(tmp_path, {"condition": "close > 100 and 1h.volume > 1000", "name": "each", "every": True})
    process(connection, every, at("16:01"))
    times = [time for name, time in signals_of(connection, "strategy", "time") if name == "each"]
    assert times == [at("14:55") + n * 5 * MINUTE for n in range(12)]


def test_a_value_that_touches_has_not_crossed(connection: Connection, instrument: int, tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        {"timeframe": "1m", "condition": "close crosses_above 100"},
        {"timeframe": "1m", "condition": "close crosses_below 95", "name": "under"},
    )
    put_minutes(connection, instrument, minutes("14:30", [99.9, 100, 100.01, 95, 95, 94.99]))
    process(connection, rules, at("14:40"))
    assert signals_of(connection, "strategy", "time") == [("over", at("14:32")), ("under", at("14:35"))]


def both_levels(tmp_path: Path, volume: int) -> Sequence[Rule]:
    """A rule that speaks at the minute of a volume, with target 103 and stop 98: its own range is one."""
    return rules_of(
        tmp_path,
        {
            "timeframe": "1m",
            "condition": f"close == 100 and volume == {volume}",
            "every": True,
            "target": 3,
            "stop": 2,
            "atr": "atr(1)",
            "lifetime": {"buckets": 2000},
        },
    )


MINUTES_OF_BOTH = (
    # The range of the minute that speaks is one.
    ("14:29", 2, 100, 100, 100, 100, 1),
    ("14:30", 2, 100, 100.5, 99.5, 100, 7),
    ("14:31", 2, 100, 103.5, 97.5, 101, 1),
    ("20:58", 2, 100, 100, 100, 100, 1),
    ("20:59", 2, 100, 100.5, 99.5, 100, 8),
    ("14:30", 3, 97, 104, 96.5, 103.9, 1),
)


def put_both(connection: Connection, instrument: int) -> None:
    names = ("open", "high", "low", "close", "volume")
    columns = {name: [str(row[place]) for row in MINUTES_OF_BOTH] for place, name in enumerate(names, 2)}
    put_candles(connection, instrument, [at(row[0], row[1]) for row in MINUTES_OF_BOTH], **columns)


@pytest.mark.parametrize(("ticks", "ended_by", "price"), [(False, "ambiguous", None), (True, "stop", 98)])
def test_one_minute_reaches_both_levels(
    connection: Connection, instrument: int, tmp_path: Path, ticks: bool, ended_by: str, price: float | None
) -> None:
    put_both(connection, instrument)
    if ticks:
        connection.execute(
            "INSERT INTO market.ticks (instrument_id, time, seq, price, size)"
            " SELECT %s, %s + s * INTERVAL '1 second', s, p, 1"
            " FROM (VALUES (2, 100), (10, 97.5), (40, 103.5), (55, 101)) AS t (s, p)",
            [instrument, at("14:31")],
        )
    process(connection, both_levels(tmp_path, 7), at("20:00", 3))
    assert signals_of(connection, "time", "target_price", "stop_loss") == [(at("14:30"), 103, 98)]
    assert signals_of(connection) == [(at("14:30"), ended_by, at("14:31"), price)]


def test_an_open_beyond_the_stop_decides(connection: Connection, instrument: int, tmp_path: Path) -> None:
    put_both(connection, instrument)
    process(connection, both_levels(tmp_path, 8), at("20:00", 3))
    assert signals_of(connection) == [(at("20:59"), "stop", at("14:30", 3), 97)]
    (outcome,) = sum_outcomes(connection, backfilled=True)
    assert (outcome.tenth, outcome.signals, outcome.stops, outcome.hit_rate) == (5, 1, 1, 0)
    # The minute's high counts for it, whatever came first.
    assert (outcome.favourable, outcome.adverse) == pytest.approx((0.04, 0.035))
    assert not sum_outcomes(connection)


def test_open_and_partial_buckets_say_nothing(connection: Connection, instrument: int, tmp_path: Path) -> None:
    rules = rules_of(tmp_path, {"condition": "close > 100"})
    put_minutes(connection, instrument, minutes("14:00", [99] * 5 + [101] * 5))
    process(connection, rules, at("14:10"))
    assert not signals_of(connection)
    process(connection, rules, at("14:11"))
    assert [time for time, *_ in signals_of(connection)] == [at("14:05")]
    # What is partial will be replaced: the next complete candle speaks, and no more once it has been.
    put_minutes(connection, instrument, minutes("14:10", [99] * 5))
    put_minutes(connection, instrument, minutes("14:15", [101] * 5), partial=[False, True, False, False, False])
    put_minutes(connection, instrument, minutes("14:20", [101] * 5))
    process(connection, rules, at("14:26"))
    assert [time for time, *_ in signals_of(connection)] == [at("14:05"), at("14:20")]
    connection.execute("UPDATE market.candles SET partial = false, revision = revision + 1 WHERE partial")
    process(connection, rules, at("14:31"))
    assert [(time, ended_by) for time, ended_by, *_ in signals_of(connection)] == [
        (at("14:05"), "superseded"),
        (at("14:15"), None),
        (at("14:20"), "revised"),
    ]


def change(connection: Connection, instrument: int, time: datetime, close: float) -> None:
    connection.execute(
        "INSERT INTO market.candles AS c (instrument_id, time, open, high, low, close, volume, turnover, trades,"
        " partial, source, version, session_date, extended)"
        " SELECT instrument_id, time, %(p)s, %(p)s, %(p)s, %(p)s, volume, turnover, trades, partial, source, version,"
        " session_date, extended FROM market.candles WHERE instrument_id = %(i)s AND time = %(t)s"
        " ON CONFLICT (instrument_id, time) DO UPDATE SET open = excluded.open, high = excluded.high,"
        " low = excluded.low, close = excluded.close, revision = c.revision + 1",
        {"p": close, "i": instrument, "t": time},
    )


def test_what_is_revised_says_so_and_returns_where_it_was_right(
    connection: Connection, instrument: int, tmp_path: Path
) -> None:
    rules = rules_of(tmp_path, {"condition": "close crosses_above 100", "lifetime": {"buckets": 100}})
    put_minutes(connection, instrument, minutes("14:00", [99] * 5 + [101] * 10 + [99] * 5 + [101] * 5))
    process(connection, rules, at("14:26"), is_published=True)
    first = [(at("14:05"), "superseded", at("14:25"), None), (at("14:20"), None, None, None)]
    assert signals_of(connection) == first
    assert not process(connection, rules, at("14:26"), is_published=True).changed
    change(connection, instrument, at("14:24"), 99)
    report = process(connection, rules, at("14:31"), is_published=True)
    # It takes back what it superseded.
    assert signals_of(connection) == [
        (at("14:05"), None, None, None),
        (at("14:20"), "revised", at("14:31"), None),
    ]
    assert (report.signals_raised, report.signals_revised) == (0, 1)
    change(connection, instrument, at("14:24"), 102)
    assert process(connection, rules, at("14:36"), is_published=True).signals_reopened == 1
    assert signals_of(connection) == first


def test_messages_report_what_is_raised_and_its_ends_once(
    connection: Connection, instrument: int, tmp_path: Path
) -> None:
    rules = rules_of(tmp_path, {"condition": "close crosses_above 100", "lifetime": {"buckets": 1}})
    put_minutes(connection, instrument, minutes("13:50", [99] * 5 + [101] * 5 + [99] * 5))
    process(connection, rules, at("14:06"), is_published=True)
    assert signals_of(connection, "backfilled") == [(True,)]
    put_minutes(connection, instrument, minutes("14:05", [101] * 5))
    for _ in range(2):
        process(connection, rules, at("14:11"), is_published=True)
    put_minutes(connection, instrument, minutes("14:10", [101] * 10))
    for _ in range(2):
        process(connection, rules, at("14:21"), is_published=True)
    assert signals_of(connection, "backfilled", "ended_by") == [(True, "expired"), (False, "expired")]
    (second,) = connection.execute("SELECT max(id) FROM market.signals").fetchone() or (None,)
    told = connection.execute("SELECT key, group_key, body ->> 'ended_by' FROM market.outbox ORDER BY id").fetchall()
    assert told == [
        (f"signal:{second}:raised", f"signal:{second}", None),
        (f"signal:{second}:ended", f"signal:{second}", "expired"),
    ]


def test_a_signal_never_changes_but_for_its_end(connection: Connection, instrument: int, tmp_path: Path) -> None:
    put_minutes(connection, instrument, minutes("14:00", [99] * 5 + [101] * 5))
    process(connection, rules_of(tmp_path, {}), at("14:11"))
    with pytest.raises(CheckViolation, match="never changes but for its end"):
        connection.execute("UPDATE market.signals SET confidence = 0.9")
    connection.execute("UPDATE market.signals SET ended_at = generated_at, ended_by = 'expired'")


def test_another_rule_needs_another_version(connection: Connection, instrument: int, tmp_path: Path) -> None:
    process(connection, rules_of(tmp_path, {}), at("14:11"))
    with pytest.raises(Permanent, match="over has changed, and is still version 1"):
        process(connection, rules_of(tmp_path, {"condition": "close > 101"}), at("14:16"))
    process(connection, rules_of(tmp_path, {"condition": "close > 101", "version": "2"}), at("14:16"))


def test_a_day_is_known_once_its_session_has_closed(connection: Connection, instrument: int, tmp_path: Path) -> None:
    rules = rules_of(tmp_path, {"timeframe": "1h", "condition": "1d.volume > 100", "lifetime": {"sessions": 1}})
    put_candles(connection, instrument, [at("12:00", 1)], volume=1)
    put_minutes(connection, instrument, [*minutes("00:00", [100] * 10, 1), *minutes("23:00", [100] * 10, 20)])
    put_candles(connection, instrument, [at("01:00", 3)])
    process(connection, rules, at("04:00", 3))
    # Monday's volume is known at its end: the hour of 23:00 ends then as well.
    assert signals_of(connection, "time", "expires_at") == [(at("23:00"), at("00:00", 4))]


def test_a_row_of_another_data_set_is_seen_from_its_buckets_end_on(
    connection: Connection, instrument: int, tmp_path: Path
) -> None:
    rules = rules_of(tmp_path, {"timeframe": "15m", "condition": '1h.sentiment[source="x"].score > 0.5'})
    put_minutes(connection, instrument, minutes("13:00", [100] * 180))
    process(connection, rules, at("14:01"))
    write = "INSERT INTO market.sentiment (instrument_id, source, time, item_id, score) VALUES (%s, %s, %s, %s, %s)"
    connection.execute(write, [instrument, "x", at("12:30"), "0", 0])
    connection.execute(write, [instrument, "x", at("14:30"), "1", 0.75])
    connection.execute(write, [instrument, "y", at("13:30"), "2", 1])
    process(connection, rules, at("14:46"))
    assert not signals_of(connection)
    process(connection, rules, at("15:01"))
    assert signals_of(connection, "time") == [(at("14:45"),)]
    assert not process(connection, rules, at("15:01") + HOUR).signal_marks_left


def test_a_rule_that_peeks_is_caught(connection: Connection, instrument: int, tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        {"condition": "close crosses_above 100"},
        {"name": "hour", "condition": "close > 100 and 1h.sma(2) > 100"},
    )
    put_minutes(connection, instrument, minutes("12:00", [99, 99, 99, 99, 99, 101, 101, 101, 101, 101] * 24))
    process(connection, rules, at("16:01"))
    # What no file can say: the close of the candle to come.
    (above,) = (rule.condition for rule in rules[:1])
    assert isinstance(above, Crossing)
    planted = replace(rules[0], strategy="planted", condition=replace(above, left=Lag(above.left, -1)))
    window = Window(at("12:00"), at("16:01"))
    report = check_lookahead(connection, [*rules, planted], [instrument], window, most=100, progress=lambda *_: None)
    assert report.signals > 60
    assert {each.rule.strategy for each in report.peeking} == {"planted"}
    assert len(report.peeking) > 20


def test_an_hour_that_is_seen_at_its_start_is_caught(
    connection: Connection, instrument: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = rules_of(tmp_path, {"condition": "1h.volume > 1000"})
    hours = [row for n, volume in enumerate((15, 20, 2)) for row in minutes(f"{13 + n}:00", [101] * 60, volume)]
    put_minutes(connection, instrument, hours)
    process(connection, rules, at("16:01"))

    def peeking() -> Sequence[datetime]:
        window = Window(at("13:00"), at("16:01"))
        report = check_lookahead(connection, rules, [instrument], window, most=9, progress=lambda *_: None)
        assert report.signals == 1
        return [each.time for each in report.peeking]

    assert not peeking()
    known_at = Source.known_at
    monkeypatch.setattr(
        Source,
        "known_at",
        lambda self, calendar, time: time if self.timeframe is Timeframe.H1 else known_at(self, calendar, time),
    )
    assert peeking() == [at("13:55")]


def test_a_rule_may_look_at_more_than_a_function_takes(connection: Connection, tmp_path: Path) -> None:
    around_the_clock(connection, KEY)
    put_minutes(connection, 1, minutes("10:00", [100, 100, 105]))
    some = [
        "ad", "adx", "adxr", "aroonosc", "cci", "cmo", "dema", "dx", "linearreg", "max", "mfi", "midpoint", "midprice",
        "min",
        "minus_di", "mom", "natr", "obv", "plus_di", "roc", "rocp", "stddev", "tema", "trima", "var", "willr", "wma",
    ]  # fmt: skip
    many = [f"{timeframe}{name}" for timeframe in ("", "5m.", "1h.") for name in (*CANDLE_COLUMNS, *some)]
    (rule,) = rules_of(
        tmp_path, {"timeframe": "1m", "condition": f"close > 104 or {' + '.join(many)} > 0 and close > 200"}
    )
    assert len(list(rule.references())) > 100
    process(connection, [rule], at("9:00"))
    assert process(connection, [rule], at("10:10")).signals_raised == 1
    assert connection.execute("SELECT jsonb_array_length(indicators_used) FROM market.signals").fetchall() == [
        (len(list(rule.references())),)
    ]


def test_a_rule_that_no_double_can_follow_is_named(connection: Connection, tmp_path: Path) -> None:
    around_the_clock(connection, KEY)
    put_minutes(connection, 1, minutes("10:00", [100, 100, 105]))
    rules = rules_of(tmp_path, {"name": "beyond", "timeframe": "1m", "condition": "close > 1" + " * 1e29 * close" * 12})
    with pytest.raises(Permanent, match=r"a rule of 1m \(beyond\): value out of range: overflow"):
        process(connection, rules, at("10:10"))
    assert signals_of(connection) == []
