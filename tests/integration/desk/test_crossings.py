"""When alerts fire: crossings of complete minutes, once each, in whatever order ticks, runs and users come."""

import csv
from datetime import datetime
from io import StringIO

import pytest
from psycopg import Connection

from chandlery.desk.evaluate_alerts import evaluate_alerts
from chandlery.desk.keep_alerts import change_alert, list_firings
from tests.integration.desk.desk_scene import ANNA, arm, at, evaluate, fired, live, market_of, put
from tests.integration.market import MINUTE

WICK = """\
2026-03-02T14:30:00Z,99.5,99.6,99.4,99.5
2026-03-02T14:31:00Z,99.5,100.2,99.5,99.7
2026-03-02T14:32:00Z,99.7,99.9,99.6,99.8
2026-03-02T14:33:00Z,99.8,100.3,99.8,99.9
2026-03-02T14:34:00Z,99.9,99.95,99.8,99.9
"""
TOUCH = """\
2026-03-02T14:30:00Z,99.8,99.9,99.8,99.9
2026-03-02T14:31:00Z,99.9,100,99.9,100
2026-03-02T14:32:00Z,100,100.01,99.9,99.9
2026-03-02T14:33:00Z,99.9,99.9,95,95
2026-03-02T14:34:00Z,95,95.5,95,95
2026-03-02T14:35:00Z,95,95.2,94.99,95.1
"""
GAP = """\
2026-02-27T20:59:00Z,99,99,98.9,99
2026-03-02T14:30:00Z,105,106,104,105.5
2026-03-02T14:31:00Z,105.5,107,105,106
2026-03-02T14:32:00Z,106,106,99.5,99.8
2026-03-02T14:33:00Z,99.8,100.4,99.8,100.2
"""
FRIDAY = datetime.fromisoformat("2026-02-27T21:00Z")


def play(connection: Connection, candles: str) -> None:
    """Each minute comes, and is evaluated, twice."""
    for minute, *prices in csv.reader(StringIO(candles)):
        put(connection, datetime.fromisoformat(minute), " ".join(prices))
        for _ in range(2):
            evaluate(connection, datetime.fromisoformat(minute) + MINUTE)


def test_a_wick_fires_once_and_a_recurring_alert_once_a_crossing(connection: Connection) -> None:
    market_of(connection)
    arm(connection, at("14:29"), "high", 100)
    arm(connection, at("14:29"), "high", 100, is_recurring=True)
    play(connection, WICK)
    assert fired(connection) == ["02 14:31 alert 1", "02 14:31 alert 2", "02 14:33 alert 2"]


def test_touching_a_level_is_not_crossing_it_and_loses_no_crossing(connection: Connection) -> None:
    market_of(connection)
    arm(connection, at("14:29"), "high", 100)
    arm(connection, at("14:29"), "low", 95)
    play(connection, TOUCH)
    assert fired(connection) == ["02 14:32 alert 1", "02 14:35 alert 2"]


def test_a_gap_over_the_level_fires_in_the_first_minute_beyond_it(connection: Connection) -> None:
    market_of(connection)
    arm(connection, FRIDAY, "high", 100)
    play(connection, GAP)
    assert fired(connection) == ["02 14:30 alert 1"]


def test_a_level_already_past_fires_once_the_price_has_come_back(connection: Connection) -> None:
    market_of(connection)
    first, rest = GAP[: GAP.index("2026-03-02T14:31")], GAP[GAP.index("2026-03-02T14:31") :]
    play(connection, first)
    arm(connection, at("14:31"), "high", 100)
    play(connection, rest)
    assert fired(connection) == ["02 14:33 alert 1"]


@pytest.mark.parametrize("armed", ["14:30:20", "14:31:20"])
def test_it_does_not_fire_for_having_been_armed_amid_a_minute_that_is_past(connection: Connection, armed: str) -> None:
    market_of(connection)
    lines = GAP.splitlines(keepends=True)
    play(connection, lines[0])
    arm(connection, at(armed), "high", 100)
    play(connection, "".join(lines[1:]))
    assert fired(connection) == ["02 14:33 alert 1"]


def test_of_the_minute_in_which_it_was_armed_open_and_close_count(connection: Connection) -> None:
    """A high before it was armed does not count; a price that has crossed and stays does."""
    market_of(connection)
    live(connection, at("14:30"), "99")
    wick = arm(connection, at("14:31:30"), "high", 105)
    arm(connection, at("14:31:30"), "high", 100)
    live(connection, at("14:31"), "99 106 99 101", "101 102 101 102")
    assert fired(connection) == ["02 14:31 alert 2"]
    assert wick.alert_id == 1


def test_an_alert_that_is_armed_while_its_candle_is_written_is_not_lost(connection: Connection) -> None:
    """The writer's trigger saw no alert; for some minutes all since the arming is looked at again."""
    market_of(connection)
    live(connection, at("14:30"), "99")
    arm(connection, at("14:31"), "high", 100)
    put(connection, at("14:31"), "99 101 99 100.5")
    connection.execute("DELETE FROM market.alert_minutes")
    assert evaluate(connection, at("14:32")).alerts_fired == 1


def test_partial_minutes_do_not_count_until_they_are_complete(connection: Connection) -> None:
    market_of(connection)
    arm(connection, at("14:29"), "high", 100)
    live(connection, at("14:30"), "99")
    put(connection, at("14:31"), "99 101 99 101", partial=True)
    evaluate(connection, at("14:32"))
    assert fired(connection) == []
    # Its close does not count as the close before: the crossing can still be found.
    put(connection, at("14:32"), "101 102 101 102")
    evaluate(connection, at("14:33"))
    assert fired(connection) == ["02 14:32 alert 1"]


def test_a_late_tick_fires_what_it_would_have_fired(connection: Connection) -> None:
    market_of(connection)
    arm(connection, at("14:29"), "high", 100)
    live(connection, at("14:30"), "99", "99", "99")
    put(connection, at("14:31"), "99 100.5 99 99")
    evaluate(connection, at("14:34"))
    assert fired(connection) == ["02 14:31 alert 1 late"]


def test_a_late_close_fires_the_minute_after_it(connection: Connection) -> None:
    """Near by, and after hours of silence."""
    market_of(connection)
    arm(connection, at("14:29"), "high", 100)
    arm(connection, at("14:29"), "low", 90)
    live(connection, at("14:30"), "101", "101 102 101 102")
    live(connection, at("18:00"), "89 89 88 88")
    assert fired(connection) == ["02 18:00 alert 2"]
    connection.execute("DELETE FROM market.alert_firings")
    connection.execute("DELETE FROM market.outbox")
    connection.execute("UPDATE market.alerts SET state = 'armed'")
    put(connection, at("14:30"), "101 101 99 99")
    put(connection, at("14:31"), "101 102 91 91")
    evaluate(connection, at("18:30"))
    assert fired(connection) == ["02 14:31 alert 1 late", "02 18:00 alert 2 late"]


def test_a_minute_that_is_revised_never_unfires_and_says_so(connection: Connection) -> None:
    market_of(connection)
    arm(connection, at("14:29"), "high", 100)
    live(connection, at("14:30"), "99", "99 101 99 101")
    put(connection, at("14:31"), "99")
    evaluate(connection, at("14:33"))
    assert fired(connection) == ["02 14:31 alert 1 revised"]
    (firing,) = list_firings(connection, ANNA, at("14:34"), 1, 10)
    assert (firing.price, firing.revised_at) == (101, at("14:33"))
    put(connection, at("14:31"), "99 100.1 99 99")
    evaluate(connection, at("14:35"))
    assert fired(connection) == ["02 14:31 alert 1"]
    connection.execute("DELETE FROM market.candles WHERE time = %s", [at("14:31")])
    evaluate(connection, at("14:36"))
    assert fired(connection) == ["02 14:31 alert 1 revised"]


def test_missed_and_late_runs_lose_nothing(connection: Connection) -> None:
    """A run after an outage fires what each minute's run would have fired; one that comes late and again, nothing."""
    market_of(connection)
    arm(connection, at("14:29"), "high", 100, is_recurring=True)
    evaluate(connection, at("14:29"))
    for count, price in enumerate(["99", "99 101 99 99", "99", "99 102 99 99"] * 40):
        put(connection, at("14:30") + count * MINUTE, price)
    report = evaluate(connection, at("17:30"))
    assert (report.alerts_fired, report.alerts_late, report.pieces) == (80, 80, 4)
    assert evaluate(connection, at("17:30")).changed is False
    assert evaluate(connection, at("15:00")).changed is False


def test_a_run_out_of_time_leaves_its_marks_and_the_next_goes_on(connection: Connection) -> None:
    market_of(connection)
    arm(connection, at("14:29"), "high", 100)
    for moment, price in {"14:30": "99", "16:00": "99", "17:00": "101"}.items():
        put(connection, at(moment), price)
    turns = iter([True, False])
    report = evaluate_alerts(connection, at("17:01"), has_time=lambda: next(turns))
    assert (report.alerts_fired, report.pieces, report.pieces_left, report.lag_seconds) == (0, 1, 2, 3600)
    assert evaluate(connection, at("17:01")).alerts_fired == 1


def test_what_fires_at_once_fires_in_pieces_and_loses_nothing(connection: Connection) -> None:
    """The rest has its marks until the next run, which may be of a later minute."""
    market_of(connection)
    for _ in range(3):
        arm(connection, at("14:29"), "high", 100, is_recurring=True)
    arm(connection, at("14:29"), "low", 50)
    for count, price in enumerate(["99", "99 101 99 99", "99 101 40 99"]):
        put(connection, at("14:30") + count * MINUTE, price)
    turns = iter([True, False])
    report = evaluate_alerts(connection, at("14:33"), has_time=lambda: next(turns), most_firings=3)
    assert (report.alerts_fired, report.pieces, report.pieces_left, report.lag_seconds) == (4, 1, 1, 120)
    both = [f"02 14:3{minute} alert {n}" for minute in (1, 2) for n in (1, 2)]
    assert [each.removesuffix(" late") for each in fired(connection)] == both
    report = evaluate_alerts(connection, at("14:34"), has_time=lambda: True, most_firings=1)
    assert (report.alerts_fired, report.alerts_late, report.pieces, report.pieces_left) == (3, 3, 2, 0)
    assert len(fired(connection)) == 7
    assert evaluate(connection, at("14:34")).changed is False
    assert connection.execute("SELECT count(*) FROM market.alert_minutes").fetchone() == (0,)


def test_armed_again_it_fires_from_then_on(connection: Connection) -> None:
    market_of(connection)
    alert = arm(connection, at("14:29"), "high", 100)
    live(connection, at("14:30"), "99", "99 101 99 99", "99 101 99 99")
    assert fired(connection) == ["02 14:31 alert 1"]
    change_alert(connection, ANNA, at("14:33"), alert.alert_id, {"state": "armed"}, None)
    live(connection, at("14:33"), "99", "99 101 99 99", "99 101 99 99")
    assert fired(connection) == ["02 14:31 alert 1", "02 14:34 alert 1"]


def test_another_level_is_armed_as_of_its_change(connection: Connection) -> None:
    market_of(connection)
    alert = arm(connection, at("14:29"), "high", 100)
    live(connection, at("14:30"), "90", "90 95 90 90")
    change_alert(connection, ANNA, at("14:32"), alert.alert_id, {"level": 94}, None)
    evaluate(connection, at("14:32"))
    live(connection, at("14:32"), "90", "90 95 90 90")
    assert fired(connection) == ["02 14:33 alert 1"]


def test_an_expired_alert_fires_for_minutes_before_alone(connection: Connection) -> None:
    market_of(connection)
    arm(connection, at("14:29"), "high", 100, expires_at="2026-03-02T14:32:00Z")
    live(connection, at("14:30"), "99", "99", "99 101 99 99")
    assert fired(connection) == []
    assert connection.execute("SELECT state FROM market.alerts").fetchall() == [("expired",)]
    put(connection, at("14:31"), "99 101 99 99")
    evaluate(connection, at("14:35"))
    assert fired(connection) == ["02 14:31 alert 1 late"]


def test_the_close_before_is_found_however_long_ago(connection: Connection) -> None:
    market_of(connection)
    arm(connection, datetime.fromisoformat("2026-01-05T00:00Z"), "high", 100)
    put(connection, datetime.fromisoformat("2026-01-05T14:30Z"), "99")
    evaluate(connection, datetime.fromisoformat("2026-01-05T14:31Z"))
    live(connection, at("14:30"), "105")
    assert fired(connection) == ["02 14:30 alert 1"]


def test_the_first_candle_of_all_crosses_nothing(connection: Connection) -> None:
    market_of(connection)
    arm(connection, at("14:29"), "high", 100)
    live(connection, at("14:30"), "105 106 104 105")
    assert fired(connection) == []


def test_the_message_says_what_happened(connection: Connection) -> None:
    market_of(connection)
    arm(connection, at("14:29"), "low", "0.000000000000012345", note="buy")
    live(connection, at("14:30"), "1", "1 1 0.000000000000012344 1")
    topic, key, group, body, created = connection.execute(
        "SELECT topic, key, group_key, body::text, created_at FROM market.outbox"
    ).fetchall()[0]
    assert (topic, key, group, created) == ("alerts", "alert:1:2026-03-02T14:31Z", "alert:1", at("14:32"))
    for said in (
        '"user_id": "anna"', '"instrument_key": "X@A@EQ"', '"side": "low"', '"level": 0.000000000000012345',
        '"price": 0.000000000000012344', '"minute": "2026-03-02T14:31Z"', '"fired_at": "2026-03-02T14:32:00Z"',
        f'"key": "{key}"', '"is_late": false', '"note": "buy"',
    ):  # fmt: skip
        assert said in body
