"""What instruments are: as their keys say, unless somebody says otherwise."""

import pytest
from psycopg import Connection

from chandlery.platform.errors import ChandleryError
from chandlery.reference.domain.instrument import Description
from chandlery.reference.store import instruments
from tests.integration.market import around_the_clock

KEYS = {
    "XNYS@IBM@EQ": "stock",
    "NSE@NIFTY@INDEX": "index",
    "BINANCE@BTC/USDT@SPOT": None,
    "FX@EURUSD@FX": "forex",
    "CME@ES@FUT": "future",
    "X@GLD@etf": "etf",
    "X@SOMETHING@ELSE": None,
}


def test_the_type_and_the_exchange_are_those_of_the_key(connection: Connection) -> None:
    around_the_clock(connection, *KEYS)
    found = {each.key: each for each in instruments.list_all(connection)}
    assert {key: each.asset_type for key, each in found.items()} == KEYS
    assert [each.exchange for each in found.values()] == [key.partition("@")[0] for key in found]
    assert len({each.uuid for each in found.values()}) == len(KEYS)


def test_what_is_said_of_one_is_kept_until_something_else_is(connection: Connection) -> None:
    key = "BINANCE@BTC/USDT@SPOT"
    around_the_clock(connection, key)
    before = instruments.find(connection, key)
    instruments.change(connection, key, description=Description("Bitcoin", "crypto", sector="money"))
    instruments.change(connection, key, feed="other")
    instruments.add(connection, key, "24/7", "other", description=Description(industry="mining"))
    found = instruments.find(connection, key)
    assert (found.name, found.asset_type, found.sector, found.industry) == ("Bitcoin", "crypto", "money", "mining")
    assert found.uuid == before.uuid
    with pytest.raises(ChandleryError, match="asset_type"):
        instruments.change(connection, key, description=Description(asset_type="house"))
