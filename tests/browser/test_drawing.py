"""What the page draws: holes by their reason, every digit, times of the exchange, options; and what it copies."""

import json
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.reference.domain.session import Calendar, Session
from chandlery.reference.store import instruments, sessions
from chandlery.words.window import DAY, MINUTE
from tests.browser.barriers import find_barriers
from tests.browser.conftest import Open
from tests.browser.scene import CALM, HOLES, TINY, WORST, add_options, desk, look_for_gaps, seed
from tests.conftest import empty
from tests.integration.derived_scene import write
from tests.plain_derived import Minute

NEW_YORK = "X@CLOCK@FX"
CLOCK_BACK = datetime(2026, 11, 1, 5, tzinfo=UTC)
UNKNOWN = "\N{EN DASH}"
HOLED, MICRO = "X@HOLED@SPOT", "X@MICRO@SPOT"
NOON = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def minute(time: datetime, *prices: str, volume: str = "10") -> Minute:
    opened, high, low, close = map(Decimal, prices)
    return Minute(time, opened, high, low, close, Decimal(volume), Decimal(volume) * close, 1)


def around_the_clock(connection: Connection, name: str, zone: str, first: date, key: str, days: int = 3) -> int:
    """An instrument of a calendar that never closes, in a time zone; returns its id."""
    dates = [first + number * DAY for number in range(days)]
    opens = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in dates]
    hours = tuple(Session(day, at, at + DAY) for day, at in zip(dates, opens, strict=True))
    sessions.replace(connection, Calendar(name, zone, dates[0], dates[-1], hours))
    instruments.add(connection, key, name, "test")
    return instruments.find(connection, key).instrument_id


def add_cases(connection: Connection) -> None:
    """Clocks that go back, tiny prices, and two minutes that are missing."""
    clock = around_the_clock(connection, "CLOCK", "America/New_York", date(2026, 10, 31), NEW_YORK)
    bars = [(str(100 + n), str(101 + n), str(99 + n), f"{100 + n}.5") for n in range(5)]
    write(connection, clock, [minute(CLOCK_BACK + n * 30 * MINUTE, *prices) for n, prices in enumerate(bars)])
    holed = around_the_clock(connection, "HOLED", "UTC", date(2026, 3, 1), HOLED)
    prices = {0: ("100", "101", "99", "100.5"), 1: ("100.5", "101", "100", "100.6"), 4: ("102", "103", "101", "102.5")}
    write(connection, holed, [minute(NOON + n * MINUTE, *each) for n, each in prices.items()])
    look_for_gaps(connection, NOON + 10 * MINUTE)
    connection.execute(
        "UPDATE market.gaps SET reason = 'feed_down' WHERE instrument_id = %s AND starts = %s",
        [holed, NOON + 2 * MINUTE],
    )
    micro = around_the_clock(connection, "MICRO", "UTC", date(2026, 3, 1), MICRO)
    tiny = [
        ("0.00000236", "0.00000241", "0.00000235", "0.00000240"),
        ("0.00000240", "0.00000243", "0.00000239", "0.00000241"),
    ]
    write(connection, micro, [minute(NOON + n * MINUTE, *each, volume="900000") for n, each in enumerate(tiny)])


@pytest.fixture(scope="module")
def address(migrated_url: str) -> Iterator[str]:
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        at = datetime.now(UTC)
        connection.execute("INSERT INTO market.feeds VALUES ('test', 60) ON CONFLICT DO NOTHING")
        add_cases(connection)
        seed(connection, at, minutes=200, keys=(WORST, TINY, CALM))
        add_options(connection, at)
        with desk(migrated_url) as address:
            yield address
        empty(connection)


def chart(page: Page, state: str) -> Page:
    """The page once the chart of a state is drawn."""
    page.wait_for_function(
        f"() => chandlery?.instrument?.chart?.slots.length && document.location.hash.includes({state!r})"
    )
    return page


def slots(page: Page) -> Sequence[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("chandlery.instrument.chart.slots")
    return found


def said(page: Page) -> str:
    return page.locator("#legend").inner_text()


def point_at(page: Page, place: int) -> None:
    page.evaluate("place => chandlery.instrument.chart.moveTo(place)", place)


def state(key: str, timeframe: str, **more: str) -> str:
    return f"#i={key}&tf={timeframe}" + "".join(f"&{name}={value}" for name, value in more.items())


def test_the_clock_goes_back(address: str, opened: Open) -> None:
    page = chart(opened(address, state(NEW_YORK, "30m", to="2026-11-01T07:30Z")), "CLOCK")
    candles = [slot for slot in slots(page) if slot["candle"]]
    times = [1793509200, 1793511000, 1793512800, 1793514600, 1793516400]
    assert [each["time"] for each in candles] == times
    labels = page.evaluate("times => times.map((time) => chandlery.instrument.chart.timeLabel(time).slice(11))", times)
    assert labels == ["01:00 EDT", "01:30 EDT", "01:00 EST", "01:30 EST", "02:00 EST"]
    page.locator("#zone-utc").click()
    page.wait_for_function("() => location.hash.includes('z=utc')")
    assert page.evaluate("chandlery.instrument.chart.timeLabel(1793512800)") == "2026-11-01 06:00 UTC"


def test_tiny_prices(address: str, opened: Open) -> None:
    page = chart(opened(address, state(MICRO, "1m", to="2026-03-02T14:32Z")), "MICRO")
    point_at(page, 1)
    assert "C0.00000241" in said(page).replace("\n", "")
    labels = page.evaluate("[0.00000236, 0.0000024].map((price) => chandlery.instrument.chart.labelOf(price))")
    assert labels == ["0.00000236", "0.00000240"]
    body = page.evaluate("""() => {
        const { candles } = chandlery.instrument.chart
        return candles.priceToCoordinate(0.00000236) - candles.priceToCoordinate(0.0000024)
    }""")
    assert body > 20
    # Another one on the same page: two decimals, not eight.
    page.evaluate("key => chandlery.state.set({ i: key, to: undefined })", WORST)
    page.wait_for_function("() => chandlery.instrument.chart.precision === 2")
    assert page.evaluate("chandlery.instrument.chart.labelOf(93120.1)") == "93120.10"


def test_a_hole_is_seen(address: str, opened: Open) -> None:
    page = chart(opened(address, state(HOLED, "1m", to="2026-03-02T14:35Z", ind="sma:timeperiod=2")), "HOLED")
    page.wait_for_function("() => chandlery.instrument.chart.lines.length === 1")
    found = slots(page)
    assert [(each["time"] - found[0]["time"]) // 60 for each in found] == [0, 1, 2, 3, 4]
    assert [each["hole"] for each in found[2:4]] == [{"state": "missing", "reason": "feed_down"}] * 2
    places = page.evaluate(
        "slots => slots.map(({ time }) => chandlery.instrument.chart.chart.timeScale().timeToIndex(time))", found
    )
    assert places == [0, 1, 2, 3, 4]
    drawn = """(series) => [0, 1, 2, 3, 4].map((place) => series.dataByIndex(place)?.time !== undefined)"""
    candles = page.evaluate(f"({drawn})(chandlery.instrument.chart.candles)")
    assert candles == [True, True, False, False, True]
    values = page.evaluate("[...chandlery.instrument.chart.lines[0].values.keys()]")
    assert values == [each["time"] for each in found if each["candle"]]
    points = page.evaluate(
        "chandlery.instrument.chart.lines[0].series.data().map((point) => [point.time, point.value])"
    )
    assert {time for time, value in points if value is not None} == {found[1]["time"], found[4]["time"]}
    assert float(page.evaluate("chandlery.instrument.chart.candles.coordinateToPrice(400)")) > 50
    point_at(page, 2)
    assert "missing (feed down)" in said(page)
    assert "no price" in said(page)
    expect(page.locator("#chart-said")).to_contain_text("missing (feed down), no price")
    copied = page.evaluate("import('/page/x/copy.js').then((copy) => copy.csvOf(chandlery.instrument.chart.slots))")
    assert [row.split(",")[4] for row in copied.splitlines()[1:]] == ["100.5", "100.6", "102.5"]


def test_holes_of_each_reason_are_drawn_apart(address: str, opened: Open) -> None:
    page = chart(opened(address, state(WORST, "1m")), "BTC")
    runs = page.evaluate("import('/page/x/slots.js').then((of) => of.runsOf(chandlery.instrument.chart.slots))")
    assert [(run["reason"], run["to"] - run["from"] + 1) for run in runs if run["state"] == "missing"] == [
        (reason, length) for _, length, reason in HOLES
    ]
    assert [run["to"] - run["from"] + 1 for run in runs if run["state"] == "explained"] == [5]
    # Pixels of each hatch differ, and from those of a stretch without a hole.
    pictures = page.evaluate(
        """async (runs) => {
            await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
            const { chart, container } = chandlery.instrument.chart
            const canvas = chart.takeScreenshot()
            const ratio = canvas.width / container.clientWidth
            return runs.map(({ from, to }) => {
                const x = (place) => chart.timeScale().logicalToCoordinate(place) * ratio
                const width = Math.max(4, Math.min(14, x(to) - x(from)))
                return [...canvas.getContext('2d').getImageData(x(from), 220 * ratio, width, 40).data].join()
            })
        }""",
        [run for run in runs if run["state"] in ("missing", "explained")],
    )
    assert len(set(pictures)) == 5
    assert find_barriers(page) == []


def test_signs_of_candles(address: str, opened: Open) -> None:
    page = chart(opened(address, state(WORST, "1m")), "BTC")
    found = slots(page)
    partial = [
        place
        for place, each in enumerate(found)
        if each["candle"] and each["candle"]["partial"] and each["candle"]["closed"]
    ]
    assert len(partial) == 4
    point_at(page, partial[0])
    assert "partial" in said(page)
    revised = next(place for place, each in enumerate(found) if each["candle"] and each["candle"]["revision"])
    point_at(page, revised)
    assert "revised 2" in said(page)


def test_from_the_map_to_a_minute_by_keyboard_alone(address: str, opened: Open) -> None:
    page = opened(address)
    page.wait_for_function("() => chandlery.heat.rows.length >= 3")
    assert page.evaluate("chandlery.heat.rows[0].key") == WORST
    heat = page.locator("#heat canvas")
    heat.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#heat-said")).to_contain_text(WORST)
    page.keyboard.press("Enter")
    expect(page.locator("#day h3")).to_contain_text(WORST)
    page.locator("#day canvas").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#minute .verdict-of-minute")).not_to_be_empty()
    assert find_barriers(page) == []
    where = page.url
    for closed in ("#minute", "#day"):
        page.locator("h1").click()
        page.keyboard.press("Escape")
        expect(page.locator(closed)).to_be_hidden()
    # The address is the state: somebody else sees the same.
    other = opened(where.split("#")[0].rstrip("/"), "#" + where.split("#")[1])
    expect(other.locator("#minute .verdict-of-minute")).not_to_be_empty()


def test_states_of_days(address: str, opened: Open) -> None:
    page = opened(address)
    page.wait_for_function("() => chandlery.heat.rows.length >= 3")
    states = page.evaluate(
        """async () => {
            const { stateOf } = await import('/page/x/shapes.js')
            return chandlery.heat.rows.map((row) => [row.key, [...row.days.values()].map(stateOf)])
        }"""
    )
    found = dict(states)
    assert "missing" in found[WORST]
    assert set(found[TINY]) == {"complete"}
    assert "not_judged" in found[CALM]
    shapes = page.evaluate(
        """async () => {
            const { STATES, drawState, sized } = await import('/page/x/shapes.js')
            const names = ['good', 'warn', 'bad', 'none', 'explained', 'panel']
            const grey = Object.fromEntries(names.map((name) => [name, '#888888']))
            return STATES.map((state) => {
                const canvas = document.createElement('canvas')
                const context = sized(canvas, 18, 18)
                drawState(context, state, 0, 0, 18, 18, 1, grey)
                return [...context.getImageData(0, 0, 18, 18).data].filter((_, place) => place % 4 === 3).join()
            })
        }"""
    )
    assert len(set(shapes)) == 5


def test_indicators_of_the_catalogue(address: str, opened: Open) -> None:
    page = chart(opened(address, state(TINY, "5m")), "PEPE")
    page.get_by_role("button", name="+ indicator").click()
    page.get_by_label("Search indicators").fill("rsi")
    page.locator("#sheet .results button", has_text="rsi").first.click()
    page.get_by_label("timeperiod").fill("9")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_function("() => chandlery.instrument.chart.lines.length === 1")
    assert "ind=rsi%3Atimeperiod%3D9" in page.url or "ind=rsi:timeperiod%3D9" in page.url
    assert page.evaluate("chandlery.instrument.chart.lines[0].pane") == 1
    page.get_by_role("button", name="Remove rsi(9)").click()
    page.wait_for_function("() => chandlery.instrument.chart.lines.length === 0")


def test_options(address: str, opened: Open) -> None:
    page = opened(address, state(WORST, "5m"))
    panel = page.locator("#options")
    expect(panel).to_contain_text("max pain")
    assert panel.locator("tbody tr").count() == 10
    # Nobody quotes the last one: unknown, and never 0.
    assert panel.locator("tbody tr").last.locator("td").all_inner_texts()[:3] == [UNKNOWN] * 3
    expect(panel.locator("figure")).to_have_count(3)
    expect(panel.locator("path.line").first).to_be_attached()
    assert find_barriers(page) == []


def test_what_is_copied_runs(address: str, opened: Open, browser: Browser) -> None:
    permissions = {"permissions": ["clipboard-read", "clipboard-write"]}
    page = chart(opened(address, state(WORST, "5m"), **permissions), "BTC")
    copied = {}
    for name in ("CSV", "curl", "SQL", "Python"):
        page.get_by_role("button", name=f"Copy as {name}").click()
        expect(page.locator("#chart-said")).to_have_text(f"Copied as {name}.")
        copied[name] = page.evaluate("navigator.clipboard.readText()")
    fetched = subprocess.run(shlex.split(copied["curl"]), capture_output=True, text=True, check=True)
    closes = [row.split(",")[4] for row in copied["CSV"].splitlines()[1:]]
    assert [row.split(",")[4] for row in fetched.stdout.splitlines()[1:]][: len(closes)] == closes
    compile(copied["Python"], "copied", "exec")
    assert "market.candles_5m" in copied["SQL"]


def test_sql_that_is_copied_runs(address: str, opened: Open, migrated_url: str) -> None:
    page = chart(opened(address, state(HOLED, "1m", to="2026-03-02T14:35Z")), "HOLED")
    question = json.dumps(
        {"key": HOLED, "timeframe": "1m", "from": "2026-03-02T14:30:00Z", "to": "2026-03-02T14:35:00Z"}
    )
    text = page.evaluate(f"import('/page/x/copy.js').then((copy) => copy.sqlOf({question}))")
    with connect(Settings(database_url=migrated_url), "test") as connection:
        assert [row[4] for row in connection.execute(text).fetchall()] == [
            Decimal("100.5"),
            Decimal("100.6"),
            Decimal("102.5"),
        ]


def test_dark_and_light(address: str, opened: Open) -> None:
    page = chart(opened(address, state(WORST, "5m"), color_scheme="dark"), "BTC")
    assert find_barriers(page) == []
    page.get_by_role("button", name="Dark or light").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert find_barriers(page) == []
