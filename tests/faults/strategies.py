"""The rules of signals in scenes of faults, and alerts of a user, armed before anything happens."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from psycopg import Connection

from chandlery.desk.domain.user import Caller
from chandlery.desk.keep_alerts import add_alert
from chandlery.desk.keep_items import add_item
from chandlery.desk.keep_watchlists import add_watchlist
from chandlery.signals.domain.rule import Rule
from chandlery.words.window import DAY, HOUR
from tests.faults import desk
from tests.integration.signals.signal_scene import rules_of

ANNA = Caller("anna", "Anna")
ARMED = desk.OPENS + 10 * DAY - HOUR
_RULES = (
    {"name": "rise", "condition": "close > close lag 1", "target": 1, "stop": 1, "atr": "atr(3)"},
    {"name": "minute", "timeframe": "1m", "condition": "close > sma(3)", "lifetime": {"sessions": 1}},
    {"name": "later", "timeframe": "1h", "condition": "close > open", "every": True, "lifetime": {"buckets": 2}},
)


@cache
def rules() -> Sequence[Rule]:
    """Two rules that are known, and `later`, which is new."""
    with TemporaryDirectory() as folder:
        return rules_of(Path(folder), *_RULES)


def forget_later(connection: Connection) -> None:
    """Make `later` a rule that nobody knows yet."""
    for table in ("signals", "signal_rules"):
        connection.execute(f"DELETE FROM market.{table} WHERE strategy = 'later'")  # noqa: S608  # our own words


def arm(connection: Connection) -> None:
    """A default list with an item of two levels, and alerts: some recur, one will be taken away."""
    add_watchlist(connection, ANNA, ARMED, {"name": "Old", "is_default": True})
    add_item(connection, ANNA, ARMED, 1, {"instrument_key": "X@A@EQ", "price_alert_high": 104, "price_alert_low": 101})
    for key in ("X@A@EQ", "X@B@EQ"):
        for side, level in (("high", 102), ("high", 106), ("low", 103), ("low", 60)):
            said = {"instrument_key": key, "side": side, "level": level, "is_recurring": True}
            add_alert(connection, ANNA, ARMED, said)
    add_alert(connection, ANNA, ARMED, {"instrument_key": "X@B@EQ", "side": "high", "level": 105, "note": "once"})
    add_alert(connection, ANNA, ARMED, {"instrument_key": "X@C@EQ", "side": "low", "level": 1, "note": "never"})
