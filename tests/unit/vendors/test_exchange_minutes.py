"""Minutes of an exchange, by ccxt, against a local server that speaks its protocol, and errs on demand."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chandlery.platform.errors import Permanent, Retryable, UnknownTicker
from chandlery.platform.settings import Settings
from chandlery.vendors import open_vendor
from chandlery.vendors.domain.vendor import VendorCandle
from chandlery.vendors.exchange_minutes import ExchangeMinutes
from chandlery.words.window import DAY, MINUTE, Window
from tests.fake_binance import FakeBinance, kline

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WHOLE_DAY = Window(NOON, NOON + DAY)
TICKER = "binance:BTC/USDT"


@pytest.fixture
def binance() -> Iterator[FakeBinance]:
    with FakeBinance() as binance:
        yield binance


def vendor_of(binance: FakeBinance, slept: list[float] | None = None) -> ExchangeMinutes:
    sleep = (slept if slept is not None else []).append
    return ExchangeMinutes(binance.url, retries=3, sleep=sleep)


def test_a_day_comes_whole_page_by_page_in_every_digit(binance: FakeBinance) -> None:
    # A page of nothing in the middle: there was no trading for longer than a page is.
    minutes = [*range(-1, 400), *range(1_200, 1_500)]
    binance.klines = [kline(NOON + minute * MINUTE) for minute in minutes]
    found = vendor_of(binance).fetch(TICKER, WHOLE_DAY)
    assert [(each.time - NOON) // MINUTE for each in found] == [m for m in minutes if 0 <= m < 1_440]
    assert found[0] == VendorCandle(
        NOON, Decimal("100.10"), Decimal("103.50"), Decimal("99.00"), Decimal("101.00"), Decimal("2.50000001")
    )


def test_what_passes_is_waited_for_as_long_as_it_asks(binance: FakeBinance) -> None:
    binance.klines = [kline(NOON)]
    binance.faults += [(429, {"Retry-After": "7"}, '{"code": -1003, "msg": "too much"}'), None, (200, {}, "<html>")]
    slept: list[float] = []
    assert len(vendor_of(binance, slept).fetch(TICKER, Window(NOON, NOON + MINUTE))) == 1
    assert slept == [7.0, 1.0, 2.0]
    binance.faults.append((418, {"Retry-After": "3600"}, '{"code": -1003, "msg": "banned"}'))
    with pytest.raises(Retryable, match=r"wants fewer requests.*try later"):
        vendor_of(binance, slept).fetch(TICKER, WHOLE_DAY)


def test_what_cannot_be_is_refused(binance: FakeBinance) -> None:
    vendor = vendor_of(binance)
    for wrong, reason in ({"h": "1"}, "cannot be true"), ({"v": "x"}, "cannot be true"), ({"l": "-1"}, "below zero"):
        binance.klines = [kline(NOON, **wrong)]
        with pytest.raises(Permanent, match=reason):
            vendor.fetch(TICKER, WHOLE_DAY)
    for ticker, reason in (
        ("BTC/USDT", "names no exchange"),
        ("binance:DOGE/USDT", "does not trade"),
        ("nowhere:BTC/USDT", "knows no exchange"),
    ):
        with pytest.raises(UnknownTicker, match=reason):
            vendor.fetch(ticker, WHOLE_DAY)


def test_it_is_named_by_the_settings_and_needs_no_key() -> None:
    vendor = open_vendor(Settings(vendor="ccxt"))
    assert vendor is not None
    assert vendor.name == "ccxt"
