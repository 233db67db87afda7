"""An exchange's trades in the database, by the command, started twice."""

import json
import os
import signal
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from psycopg import Connection

from local.command_line.collect import collect
from tests.fake_binance import FakeBinance, aggregates
from tests.waiting import wait_until

KEY = "BINANCE@BTC/USDT@SPOT"
NOW = time.time_ns() // 1_000_000


def run(capsys: pytest.CaptureFixture[str], binance: FakeBinance, meanwhile: Callable[[], None]) -> dict[str, Any]:
    """Collect until what happens meanwhile is over; then Ctrl-C. Returns the summary."""

    def interrupt() -> None:
        try:
            meanwhile()
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = Thread(target=interrupt)
    thread.start()
    try:
        collect(["BTC/USDT"], "binance", base_url=binance.url, as_json=True)
    finally:
        thread.join()
    summary: dict[str, Any] = json.loads(capsys.readouterr().out)
    return summary


def stored(connection: Connection) -> list[tuple[int, str, str]]:
    return [
        (seq, str(price), str(size))
        for seq, price, size in connection.execute("SELECT seq, price, size FROM market.ticks ORDER BY time, seq")
    ]


def test_ticks_are_stored_in_every_digit_and_it_goes_on_from_the_newest(
    connection: Connection,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr("local.collecting.collector._FLUSH_SECONDS", 0.01)
    with FakeBinance() as binance:

        def first() -> None:
            wait_until(lambda: binance.watched() == 1, "it watches")
            binance.trade(*aggregates(1, 3, NOW))
            wait_until(lambda: len(stored(connection)) == 3, "three ticks are stored")

        summary = run(capsys, binance, first)
        assert (summary["rows"], summary["new"], summary["missed"], summary["refused"]) == (3, 3, [], [])
        assert stored(connection)[0] == (1, "93120.10", "0.10000001")
        found = connection.execute(
            "SELECT i.calendar, i.feed, t.vendor, t.ticker FROM market.instruments AS i"
            " JOIN market.tickers AS t USING (instrument_id) WHERE i.instrument_key = %s",
            [KEY],
        ).fetchone()
        assert found == ("24/7", "BINANCE", "ccxt", "binance:BTC/USDT")

        # What came while nobody listened, and more than a page of it.
        binance.trade(*aggregates(4, 1_200, NOW + 300, step_ms=1))
        summary = run(capsys, binance, lambda: wait_until(lambda: len(stored(connection)) == 1_203, "all are stored"))
        assert (summary["rows"], summary["new"], summary["missed"]) == (1_200, 1_200, [])
        assert [seq for seq, _, _ in stored(connection)] == [*range(1, 1_204)]
        assert connection.execute("SELECT sum(ticks) FROM market.dirty WHERE dataset = 'candles'").fetchone() == (
            1_203,
        )
