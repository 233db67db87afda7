"""Times go out aware, and come back aware."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from chandlery_client import BadArgument, Client, NaiveTime, Tick
from chandlery_client.core.asking import path, queries
from scripted import Script, answered, page

NAIVE = datetime(2026, 3, 2, 9, 15)  # noqa: DTZ001  # what is refused
CALLS: list[Any] = [
    lambda client: client.candles("X@A@EQ", "1m", from_=NAIVE),
    lambda client: client.candles("X@A@EQ", "1m", to=NAIVE),
    lambda client: client.candles_of(["X@A@EQ"], "1m", from_=NAIVE),
    lambda client: client.compute("X@A@EQ", ["rsi"], from_=NAIVE),
    lambda client: client.compute("X@A@EQ", [{"name": "anchored_vwap", "parameters": {"anchor_datetime": NAIVE}}]),
    lambda client: client.chain("X@A@EQ", at=NAIVE),
    lambda client: client.signals(from_=NAIVE),
    lambda client: client.gaps(to=NAIVE),
    lambda client: client.flows("X@A@EQ", from_=NAIVE),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_time_without_an_offset_is_never_sent(call: Any) -> None:
    script = Script([])
    with pytest.raises(NaiveTime, match="has no offset") as raised:
        call(Client("http://test", transport=script.transport))
    assert script.asked == []
    assert not raised.value.retryable
    assert isinstance(raised.value, ValueError)


def test_a_row_to_send_has_an_aware_time() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Tick(instrument="X@A@EQ", time=NAIVE, seq=1, price=Decimal(1), size=Decimal(1))


def test_an_instant_is_sent_in_utc() -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    asked = dict(queries(from_=datetime(2026, 3, 2, 9, 15, 0, 250_000, tzinfo=east), day=date(2026, 3, 2)))
    assert asked == {"from": "2026-03-02T03:45:00.250000Z", "day": "2026-03-02"}


def test_times_come_back_aware() -> None:
    client = Client("http://test", transport=Script([answered(page(["10:00"]))]).transport)
    (candle,) = client.candles("X@A@EQ", "1m", from_=datetime(2026, 3, 2, tzinfo=UTC))
    assert candle.time == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert candle.time.utcoffset() == timedelta(0)


def test_a_key_has_its_own_slash() -> None:
    assert path("candles", "BINANCE@BTC/USDT@SPOT") == "/api/v1/candles/BINANCE@BTC%2FUSDT@SPOT"
    assert path("candles", "X@Ä漢'ß%&+@EQ") == "/api/v1/candles/X@%C3%84%E6%BC%A2%27%C3%9F%25%26%2B@EQ"


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(BadArgument, match="empty"):
        Client("http://test").candles("", "1m")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://x", "http://"])
def test_an_address_is_one(url: str) -> None:
    with pytest.raises(BadArgument, match="not the address of an API"):
        Client(url)
