"""Times before now, in options and arguments of commands."""

from datetime import UTC, datetime

from psycopg import Connection

from chandlery.words.window import MINUTE, floor_minute
from tests.integration.commands import chandlery
from tests.integration.market import around_the_clock, put_candles

KEY = "X@A@EQ"


def test_candles_of_the_last_hour_and_a_minute_before_now(connection: Connection, migrated_url: str) -> None:
    (instrument_id,) = around_the_clock(connection, KEY)
    at = floor_minute(datetime.now(UTC)) - 30 * MINUTE
    put_candles(connection, instrument_id, [at])
    code, shown, error = chandlery(migrated_url, "candles", KEY, "1m", "--from", "-1h", "--to", "now", "--csv")
    assert (code, len(shown.splitlines())) == (0, 2), error
    code, shown, error = chandlery(migrated_url, "candles", KEY, "1m", "--from", "today-2d", "--to", "-2h", "--csv")
    assert (code, len(shown.splitlines())) == (0, 1), error
    # An argument, not an option.
    code, shown, error = chandlery(migrated_url, "explain", KEY, "-45m")
    assert code == 0, error
    assert KEY in shown
