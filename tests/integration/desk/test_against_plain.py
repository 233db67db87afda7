"""Alerts over random markets, compared with plain Python: in whatever order candles come, and runs end."""

from datetime import datetime
from random import Random

import pytest
from psycopg import Connection

from tests.integration.desk.desk_scene import arm, at, evaluate, market_of, put
from tests.integration.market import MINUTE
from tests.plain_alerts import PlainAlert, PlainCandle, plain_firings

STARTS = at("14:00")


def candle(random: Random, time: datetime, opened: float) -> PlainCandle:
    closed = opened + random.choice([-1, -0.5, 0, 0.5, 1])
    high, low = max(opened, closed) + random.choice([0, 0.5]), min(opened, closed) - random.choice([0, 0.5])
    return PlainCandle(time, opened, high, low, closed, partial=random.random() < 0.1)


def market(random: Random) -> list[PlainCandle]:
    """Minutes around 100, some of them silent, some partial."""
    found, price, time = [], 100.0, STARTS
    for _ in range(40):
        time += MINUTE * random.choice([1, 1, 1, 1, 2, 7, 90])
        found.append(candle(random, time, price))
        price = found[-1].close
    return found


@pytest.mark.parametrize("seed", range(3))
def test_late_runs_and_late_candles_find_what_plain_python_finds(connection: Connection, seed: int) -> None:
    """Recurring alerts find the same in any order; what comes in order, all of them."""
    random = Random(seed)
    market_of(connection)
    candles = market(random)
    armed = [
        PlainAlert(
            random.choice(["high", "low"]),
            100 + random.choice([-1, -0.5, 0, 0.5, 1]),
            STARTS + MINUTE * random.choice([0, 0.5, 3, 3.3]),
            random.choice([None, STARTS + 200 * MINUTE]),
            is_recurring=bool(seed) or random.random() < 0.5,
        )
        for _ in range(12)
    ]
    for alert in armed:
        more = {"expires_at": alert.expires_at.isoformat()} if alert.expires_at else {}
        arm(connection, alert.armed_at, alert.side, str(alert.level), is_recurring=alert.is_recurring, **more)
    coming = list(candles)
    if seed:
        random.shuffle(coming)
    ends = candles[-1].time + MINUTE
    for count, each in enumerate(coming):
        prices = f"{each.open} {each.high} {each.low} {each.close}"
        put(connection, each.time, prices, partial=each.partial)
        if random.random() < 0.5 or count == len(coming) - 1:
            # Late, or again, or before its time.
            evaluate(connection, random.choice([each.time, each.time + MINUTE, ends]) if seed else each.time + MINUTE)
    evaluate(connection, ends)
    found = connection.execute("SELECT alert_id, minute FROM market.alert_firings WHERE revised_at IS NULL").fetchall()
    wanted = {(n, minute) for n, alert in enumerate(armed, 1) for minute in plain_firings(alert, candles)}
    assert set(found) == wanted
    assert wanted
