"""Minutes of an exchange heal what a desk lacks, by the historical gap monitor and by hand."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from psycopg import Connection

from functions.historical_gap_monitor import handler
from local.command_line import main
from tests.fake_binance import FakeBinance, kline
from tests.integration.gaps.historical_scene import A_KEY, desk, fill, minutes, open_hour
from tests.integration.gaps.test_vendor_trouble import EVENT, Context

__all__ = ["desk"]


@pytest.fixture
def binance(desk: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBinance]:
    """An exchange that has an hour of A's minutes but one, of which the desk lacks half."""
    lacking = minutes(open_hour(4), 30)
    fill(desk, 1, missing=lacking)
    desk.execute("INSERT INTO market.feeds VALUES ('test', 60)")
    desk.execute("INSERT INTO market.tickers (instrument_id, vendor, ticker) VALUES (1, 'ccxt', 'binance:BTC/USDT')")
    with FakeBinance() as binance:
        binance.klines = [kline(moment) for moment in minutes(open_hour(4)) if moment != lacking[10]]
        for name, value in (("DATABASE_URL", database_url), ("VENDOR", "ccxt"), ("VENDOR_URL", binance.url)):
            monkeypatch.setenv(name, value)
        yield binance
    handler.sandbox.close()


def test_the_historical_gap_monitor_heals_from_an_exchange(desk: Connection, binance: FakeBinance) -> None:
    # What passes on the way is waited for.
    binance.faults.append((503, {}, "upstream"))
    report = handler(EVENT, Context())
    assert (report["candles_written"], report["vendor_days"], report["gaps_open"]) == (29, 1, 0)
    found = desk.execute(
        "SELECT open::text, high::text, low::text, close::text, volume::text, source, version, count(*)"
        " FROM market.candles WHERE source = 'vendor_historical' GROUP BY 1, 2, 3, 4, 5, 6, 7"
    ).fetchall()
    assert found == [("100.10", "103.50", "99.00", "101.00", "2.50000001", "vendor_historical", 0, 29)]


def test_a_backfill_asks_an_exchange(
    desk: Connection, binance: FakeBinance, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    day = open_hour(4).date()
    command = ["chandlery", "backfill", A_KEY, "--from", f"{day}", "--to", f"{day + timedelta(days=1)}", "--json"]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = json.loads(capsys.readouterr().out)
    assert (said["days"], said["candles_read"], said["candles_written"]) == (1, 59, 29)
