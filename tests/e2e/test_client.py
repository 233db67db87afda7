"""The Python client on the local stack: exact candles of real data, pages, rows sent and read back, examples."""

import ast
import asyncio
import re
import runpy
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from inspect import CO_COROUTINE
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from psycopg import Connection

from chandlery.outbox.publish_changes import publish_changes
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.reference.store import instruments
from chandlery.words.window import MINUTE
from chandlery_client import (
    AsyncClient,
    Client,
    FlowLeg,
    NotFound,
    OpenInterest,
    OptionQuote,
    Patience,
    Refused,
    RowsRefused,
    SentimentItem,
    Tick,
)
from chandlery_client.core.clock import Clock
from tests.e2e.client_scene import CLIENT, DAY, OTHER, PAGED, README_URL, TEN, client_stack, minute
from tests.integration.api_scene import COIN, SHARE
from tests.integration.derived_scene import write
from tests.integration.options.option_desk import OPENS, UNDERLYING, process
from tests.waiting import LAST_RESORT_SECONDS, wait_until

STARTS = datetime.fromisoformat(f"{DAY}T00:00:00Z")
ENDS = STARTS + timedelta(days=1)
# No test is about the machine's own pace.
PATIENT = Patience(deadline=2 * LAST_RESORT_SECONDS, attempt=LAST_RESORT_SECONDS)


@pytest.fixture(scope="module")
def address(migrated_url: str, real_data: Path) -> Iterator[str]:
    with client_stack(migrated_url, real_data) as address:
        yield address


@pytest.fixture(scope="module")
def desk(address: str, migrated_url: str) -> Iterator[Connection]:
    with connect(Settings(database_url=migrated_url), "test") as connection:
        yield connection


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, patience=PATIENT) as client:
        yield client


def stored(desk: Connection, timeframe: str = "") -> list[tuple[Any, ...]]:
    """What is stored of a real day, as the database has it."""
    return desk.execute(
        f"SELECT time, open, high, low, close, volume, market.average(turnover, volume) FROM market.candles{timeframe}"  # noqa: S608
        " WHERE instrument_id = 1 AND time >= %s AND time < %s ORDER BY time",
        [STARTS, ENDS],
    ).fetchall()


@pytest.mark.parametrize(("timeframe", "table"), [("1m", ""), ("5m", "_5m")])
def test_candles_are_exact_to_the_last_digit(client: Client, desk: Connection, timeframe: str, table: str) -> None:
    expected = stored(desk, table)
    assert len(expected) > 100
    found = client.candles(SHARE, timeframe, from_=STARTS, to=ENDS, page_size=97)
    assert [(c.time, c.open, c.high, c.low, c.close, c.volume, c.vwap) for c in found] == expected
    frame = found.to_polars()
    assert frame.select("time", "open", "high", "low", "close", "volume", "vwap").rows() == expected
    assert frame.schema["vwap"] == pl.Decimal(38, 24)
    pandas = found.to_pandas()
    assert list(pandas["vwap"]) == [row[6] for row in expected]
    newest = client.candles(SHARE, timeframe, to=ENDS, limit=150, page_size=40).list()
    assert [candle.time for candle in newest] == [row[0] for row in expected[-150:]]


def test_rows_that_come_while_pages_are_read_shift_none(client: Client, desk: Connection) -> None:
    def minutes(rows: Any) -> list[int]:
        return [row.time.minute for row in rows]

    candles = client.candles(PAGED, "1m", from_=TEN, to=TEN + 10 * MINUTE, page_size=2)
    pages = candles.pages()
    found = [minutes(next(pages).rows)]
    instrument = instruments.find(desk, PAGED).instrument_id
    write(desk, instrument, [minute(TEN + MINUTE)])
    found += [minutes(page.rows) for page in pages]
    assert [each for each in found if each] == [[0, 2], [3, 4], [5]]
    assert minutes(candles) == [0, 1, 2, 3, 4, 5]


def test_two_instruments_at_the_same_times_come_once_each(client: Client) -> None:
    both = client.candles_of([PAGED, OTHER], "1m", from_=TEN + 2 * MINUTE, to=TEN + 4 * MINUTE, page_size=3)
    pages = [[(row.time.minute, row.instrument_key) for row in page.rows] for page in both.pages()]
    assert [row for page in pages for row in page] == [(2, OTHER), (2, PAGED), (3, OTHER), (3, PAGED)]
    assert [len(page) for page in pages if page] == [3, 1]
    assert both.to_polars()["instrument_key"].to_list() == [OTHER, PAGED] * 2


def test_a_stretch_without_candles_is_empty(client: Client) -> None:
    empty = client.candles(PAGED, "1m", from_=TEN + timedelta(hours=5), to=TEN + timedelta(hours=6))
    some = client.candles(PAGED, "1m", from_=TEN + 3 * MINUTE, to=TEN + 5 * MINUTE)
    assert empty.list() == []
    assert empty.to_polars().schema == some.to_polars().schema
    assert pl.concat([empty.to_polars(), some.to_polars()]).height == 2


def test_what_there_is_and_how_it_fares(client: Client) -> None:
    there = client.instruments(page_size=2).list()
    assert [each.instrument_key for each in there] == sorted(each.instrument_key for each in there)
    assert client.instrument(SHARE) in there
    assert client.instrument(OTHER).calendar == "24/7"
    assert client.latest(COIN).close is not None
    one = client.statistics(SHARE)
    assert one.high == max(row.high for row in client.candles(SHARE, "1d", from_=STARTS - timedelta(days=9)))
    assert one in client.statistics_of_all(page_size=2).list()
    assert {each.instrument_key for each in client.price_changes([SHARE, COIN])} == {SHARE, COIN}
    assert client.price_changes().to_polars().height >= 4
    assert {"rsi", "macd"} <= {each.name for each in client.indicators()}
    assert client.status().components
    assert client.health().status == "ready"
    (day,) = client.coverage(SHARE, from_=STARTS.date(), to=ENDS.date())
    assert day.expected == day.present + day.explained + day.missing + day.not_judged
    gaps = client.gaps(COIN).list()
    assert sum(gap.minutes for gap in gaps) == 30
    assert client.gaps(COIN).to_polars()["reason"].to_list() == [gap.reason for gap in gaps]
    assert client.indicator_values(SHARE, "5m", from_=STARTS).list() == []


def test_indicators_are_computed(client: Client) -> None:
    computed = client.compute(SHARE, ["sma", {"name": "rsi", "parameters": {"timeperiod": 7}}], from_=STARTS, to=ENDS)
    closes = [float(candle.close) for candle in client.candles(SHARE, "5m", from_=STARTS, to=ENDS)]
    assert len(computed.time) == len(closes)
    last = computed.indicators[0].outputs["real"][-1]
    assert last == pytest.approx(sum(closes[-30:]) / 30, rel=1e-12)
    anchor = {"name": "anchored_vwap", "parameters": {"anchor_datetime": datetime(2013, 10, 7, 13, 30, tzinfo=UTC)}}
    (anchored,) = client.compute(SHARE, [anchor], from_=STARTS, to=ENDS).indicators
    assert anchored.outputs["vwap"][0] is None
    assert anchored.outputs["vwap"][-1] is not None


def test_what_is_wrong_is_typed(client: Client) -> None:
    with pytest.raises(NotFound, match="X@NONE@EQ") as raised:
        client.candles("X@NONE@EQ", "1m").list()
    assert raised.value.request_id
    with pytest.raises(Refused) as refused:
        client.candles(SHARE, "2m").list()
    assert [each.field for each in refused.value.errors] == ["timeframe"]


def test_an_answer_that_has_not_changed_is_kept(client: Client) -> None:
    first = client.candles(SHARE, "5m", from_=STARTS, to=ENDS).list()
    responses = client._shell.exchange.kept._responses
    kept = dict(responses)
    assert kept
    assert client.candles(SHARE, "5m", from_=STARTS, to=ENDS).list() == first
    # The very same objects: the server answered 304.
    assert all(responses[key] is response for key, response in kept.items())


def test_ticks_are_sent_once_however_often(client: Client, desk: Connection) -> None:
    ticks = [
        Tick(instrument=PAGED, time=TEN + timedelta(hours=3, seconds=n), seq=n, price=f"10.{n:02}", size="0.000000001")
        for n in range(60)
    ]
    for new in (60, 0):
        with client.writer(Tick, feed="test", producer="e2e", batch_rows=25) as writer:
            for tick in ticks:
                writer.add(tick)
        assert (writer.sent.new, writer.sent.known) == (new, 60 - new)
    with pytest.raises(RowsRefused, match="1 row was refused"), client.writer(Tick, feed="t", producer="e2e") as writer:
        writer.add(ticks[0].model_copy(update={"price": Decimal(11)}))
    rows = client.rows("ticks", PAGED, from_=TEN + timedelta(hours=3)).list()
    assert [Decimal(row["price"]) for row in rows] == [tick.price for tick in ticks]


def test_sentiment_and_flows_come_back_as_they_were_sent(address: str) -> None:
    amount = Decimal(
        "115792089237316195423570985008687907853269984665640564039457584007913129639935.000000000000000001"
    )

    async def send_and_read() -> tuple[Any, Any]:
        async with AsyncClient(address, patience=PATIENT) as client:
            async with client.writer(SentimentItem, feed="wire", producer="e2e") as items:
                for number, score in enumerate(("0.5", "-0.25")):
                    await items.add(
                        SentimentItem(instrument=COIN, time=TEN, source="w", item_id=str(number), score=score)
                    )
            async with client.writer(FlowLeg, feed="chain", producer="e2e") as legs:
                leg = {"instrument": COIN, "venue": "v", "time": TEN, "tx": "0x1", "direction": "in"}
                await legs.add({**leg, "leg": 1, "amount": amount})
            ends = TEN + timedelta(hours=1)
            sentiment = [row async for row in client.sentiment(COIN, from_=TEN, to=ends)]
            return sentiment, [row async for row in client.flows(COIN, from_=TEN, to=ends)]

    (sentiment,), (flows,) = asyncio.run(send_and_read())
    assert (sentiment.score, sentiment.items, sentiment.time) == (Decimal("0.125"), 2, TEN)
    assert (flows.in_amount, flows.net_amount, flows.in_count) == (amount, amount, 1)


class JustBefore(Clock):
    """Some milliseconds before a look."""

    def now(self) -> datetime:
        return TEN + timedelta(minutes=30, seconds=6.99)


def test_a_watch_gives_out_candles_that_changed(address: str, desk: Connection, migrated_url: str) -> None:
    instrument, at = instruments.find(desk, PAGED).instrument_id, TEN + timedelta(minutes=30)
    with (
        connect(Settings(database_url=migrated_url, changes_published=True), "test") as telling,
        ThreadPoolExecutor(1) as threads,
        Client(address, patience=PATIENT, clock=JustBefore()) as client,
    ):
        write(telling, instrument, [minute(TEN + 4 * MINUTE, "11")])
        publish_changes(telling, at)
        watch = client.watch(PAGED, "1m")
        found = threads.submit(lambda: [next(watch), next(watch)])
        wait_until(lambda: watch._watching.cursor is not None, "the watch has begun")
        write(telling, instrument, [minute(TEN + MINUTE, "12"), minute(TEN + 6 * MINUTE, "13")])
        publish_changes(telling, at + MINUTE)
        changed = [(candle.time - TEN, candle.close) for candle in found.result(LAST_RESORT_SECONDS)]
    assert changed == [(MINUTE, Decimal(12)), (6 * MINUTE, Decimal(13))]


def test_signals_are_read(client: Client) -> None:
    """None are stored here; the test of conformity with the document checks what they look like."""
    assert client.signals(SHARE, from_=STARTS).list() == client.active_signals().list() == []
    assert client.latest_signals().to_polars().height == 0


def test_options_from_quotes_to_a_chain(client: Client, desk: Connection) -> None:
    expiry, at = date(2026, 3, 20), OPENS + timedelta(minutes=5)
    underlying = instruments.find(desk, UNDERLYING).instrument_id
    write(desk, underlying, [minute(OPENS + number * MINUTE, "100") for number in range(5)])
    sides = [(strike, right) for strike in ("95", "100", "105") for right in ("C", "P")]
    contract = {"instrument": UNDERLYING, "time": OPENS + timedelta(seconds=90), "expiry": expiry}
    with client.writer(OptionQuote, feed="opra", producer="e2e") as quotes:
        for strike, right in sides:
            inner = max((100 - int(strike)) * (1 if right == "C" else -1), 0)
            prices = {"bid": f"{inner + 1}.45", "ask": f"{inner + 1}.55"}
            quotes.add({**contract, "strike": strike, "right": right, **prices})
    with client.writer(OpenInterest, feed="opra", producer="e2e") as interest:
        for strike, right in sides:
            interest.add({**contract, "time": OPENS, "strike": strike, "right": right, "open_interest": 7})
    assert (quotes.sent.new, interest.sent.new) == (6, 6)
    process(desk, at)
    chain = client.chain(UNDERLYING, expiry=expiry, at=at).list()
    assert [(row.strike, row.rank) for row in chain] == [(Decimal(95), -1), (Decimal(100), 0), (Decimal(105), 1)]
    assert (chain[1].call_bid, chain[1].call_ask, chain[1].call_oi) == (Decimal("1.45"), Decimal("1.55"), 7)
    assert chain[1].call_iv_status == "ok"
    assert 0 < (chain[1].call_iv or 0) < 1
    strikes = client.strikes(UNDERLYING, "1m", from_=OPENS, to=at)
    assert strikes.to_polars().height == len(strikes.list()) >= 3
    assert client.strike_history(UNDERLYING, "1m", expiry=expiry, strike="100", from_=OPENS).list()
    assert client.moneyness_series(UNDERLYING, "call_iv", expiry=expiry, rank=0, from_=OPENS).list()[-1].value
    (metrics,) = client.expiries(UNDERLYING, at=at)
    assert (metrics.expiry, metrics.atm_strike) == (expiry, Decimal(100))
    assert metrics in client.expiry_metrics(UNDERLYING, "1m", from_=OPENS, to=at + MINUTE).list() or metrics.pcr_oi == 1


def blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", blocks(CLIENT / "README.md"), ids=range(len(blocks(CLIENT / "README.md"))))
def test_every_block_of_its_readme_runs(block: str, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert README_URL in block
    run(block.replace(README_URL, address))
    assert capsys.readouterr().out.strip()


def run(code: str) -> None:
    """Code of a notebook, which may await at its top."""
    compiled = compile(code, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    found = eval(compiled, {"__name__": "__main__"})  # noqa: S307  # our own words
    if compiled.co_flags & CO_COROUTINE:
        asyncio.run(found)


def test_the_notebook_runs_cell_by_cell(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (CLIENT / "docs" / "notebook.py").read_text()
    cells = [cell for cell in re.split(r"^# %%", text, flags=re.MULTILINE) if "[markdown]" not in cell.split("\n")[0]]
    assert len(cells) >= 6
    namespace: dict[str, Any] = {}
    for cell in cells:
        exec(compile(cell.replace(README_URL, address), "cell", "exec"), namespace)  # noqa: S102  # our own words
    printed = capsys.readouterr().out
    assert re.search(r"\d+ candles, volume \d+", printed)
    assert f"{DAY}: " in printed


@pytest.mark.parametrize(
    ("name", "arguments", "printed"),
    [
        ("candles", [SHARE], "close"),
        ("desk", [], "instruments"),
        ("indicators", [COIN], "rsi"),
        ("send_ticks", [COIN], r"\d+ new, \d+ known"),
    ],
)
def test_every_example_runs(
    name: str,
    arguments: list[str],
    printed: str,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = CLIENT / "examples" / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(path), *arguments, address])
    runpy.run_path(str(path), run_name="__main__")
    assert re.search(printed, capsys.readouterr().out)
