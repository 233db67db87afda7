"""Candles that the database writes as JSON are those that the answer's model writes, of real data and at every edge."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from chandlery.gaps.import_candles import import_candles
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.reading.read_candles import CandleQuery, read_candles, write_candles
from chandlery.reference.store.instrument_pages import find_entry
from chandlery.words.timeframe import Timeframe
from functions.http_api.candle_models import Candles, page_json
from local.lots import checked_candle_lots
from tests.conftest import empty
from tests.integration.api_scene import SHARE, settle
from tests.integration.derived_scene import listed

INDEX, COIN = "NSE@NIFTY@INDEX", "X@BTCUSD@CRYPTO"
FILES = {
    SHARE: ("XNYS", date(2013, 10, 1), date(2013, 10, 31), "us-candles-1m/IBM.csv.gz"),
    INDEX: ("XBOM", date(2018, 12, 25), date(2019, 1, 31), "in-candles-1m/NIFTY50.csv.gz"),
    COIN: ("24/7", date(2016, 10, 1), date(2016, 10, 31), "crypto-candles/BTCUSD-1m.csv.gz"),
}
LATEST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def scene(migrated_url: str, real_data: Path) -> Iterator[Connection]:
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        for key, (calendar, first, last, file) in FILES.items():
            (instrument,) = listed(connection, calendar, first, last, key)
            with checked_candle_lots(real_data / file, latest=LATEST) as lots:
                import_candles(connection, instrument, lots)
        # Partial ones, without volume, of many digits, by another program, and changed.
        connection.execute(
            "UPDATE market.candles SET partial = extract(minute FROM time) IN (7, 31),"
            " volume = CASE WHEN extract(minute FROM time) = 9 THEN 0 ELSE volume END,"
            " turnover = CASE WHEN extract(minute FROM time) = 10 THEN NULL ELSE volume * close / 7 END,"
            " close = close - CASE WHEN extract(minute FROM time) = 8 THEN (close - low) / 3 ELSE 0 END,"
            " price_eligible = extract(minute FROM time) <> 12, source = CASE WHEN extract(minute FROM time) > 30"
            " THEN 'live_aggregated' ELSE source END, revision = revision + 1"
        )
        settle(connection, datetime(2026, 1, 1, tzinfo=UTC))
        yield connection


def exact(text: bytes) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


@pytest.mark.parametrize("key", FILES)
@pytest.mark.parametrize("timeframe", Timeframe)
def test_both_say_the_same(scene: Connection, key: str, timeframe: Timeframe) -> None:
    entry = find_entry(scene, key)
    minutes = scene.execute(
        "SELECT min(time), max(time) FROM market.candles WHERE instrument_id = %s", [entry.instrument_id]
    ).fetchone()
    assert minutes is not None
    first, last = minutes
    middle = first + (last - first) / 2
    found = 0
    for query, at in (
        (CandleQuery(timeframe, limit=700), LATEST),
        (CandleQuery(timeframe, first, limit=50), LATEST),
        (CandleQuery(timeframe, first, last, limit=10_000, include_partial=False), LATEST),
        # The newest bucket is open then.
        (CandleQuery(timeframe, limit=3), middle + timedelta(seconds=30)),
        (CandleQuery(timeframe, ends=first, limit=10), LATEST),
        (CandleQuery(timeframe, first), LATEST),
    ):
        while True:
            read, written = read_candles(scene, entry, query, at), write_candles(scene, entry, query, at)
            assert (written.next_cursor, written.window) == (read.next_cursor, read.window)
            # As numbers of double precision, of which the model has no others.
            text, of_rows = page_json(written), page_json(read)
            assert json.loads(text) == json.loads(of_rows)
            assert (
                Candles.model_validate_json(text).model_dump_json()
                == Candles.model_validate_json(of_rows).model_dump_json()
            )
            # And as they are stored, to the last digit.
            for row, told in zip(read.candles, exact(text)["candles"], strict=True):
                assert {name: told[name] for name in PRICES} == {name: getattr(row, name) for name in PRICES}
            found += len(read.candles)
            if read.next_cursor is None or query.limit not in (50, 700):
                break
            query = follow(query, read.next_cursor)
    assert found > 0


PRICES = ("open", "high", "low", "close", "volume", "vwap")


def follow(query: CandleQuery, cursor: str) -> CandleQuery:
    said: Mapping[str, Any] = {**query.__dict__, "cursor": cursor}
    return CandleQuery(**said)
