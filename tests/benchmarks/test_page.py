"""The page of the HTTP API: how long a chart of ten thousand candles takes to draw."""

from collections.abc import Iterator
from statistics import median

import pytest
from playwright.sync_api import CDPSession, Page, sync_playwright

from tests.browser.conftest import CHROMIUM
from tests.browser.scene import desk

CANDLES = 10_000
ROUNDS = 9
# From prices as text to what is seen: a slot for each, a hole of ten in each thousand, every primitive drawn.
_DRAW = """async ([count, rounds]) => {
    const { Chart } = await import('/page/x/chart.js')
    const { slotsOf } = await import('/page/x/slots.js')
    document.body.classList.remove('without-data')
    document.getElementById('chart-panel').classList.remove('empty')
    const container = document.createElement('div')
    Object.assign(container.style, { width: '900px', height: '470px' })
    document.body.prepend(container)
    const chart = new Chart(container, { onSlot: () => {}, onOpen: () => {} })
    const starts = 1_772_000_000 - (1_772_000_000 % 60)
    const at = (place) => new Date((starts + place * 60) * 1000).toISOString().replace('.000Z', 'Z')
    const price = (place) => (100 + 5 * Math.sin(place / 97) + Math.sin(place * 1.7)).toFixed(4)
    const candles = []
    for (let place = 0; candles.length < count; place += 1) {
        if (place % 1000 < 10) continue
        const [open, close] = [price(place), price(place + 1)]
        const low = (Math.min(open, close) - 0.1).toFixed(4)
        const high = (Math.max(open, close) + 0.1).toFixed(4)
        const rest = { volume: '10', closed: true, sources: 'live_aggregated' }
        candles.push({ time: at(place), open, high, low, close, ...rest })
    }
    const ends = (Date.parse(candles.at(-1).time) / 1000 - starts) / 60 + 1
    const found = { time_zone: 'UTC', due: at(ends), to: starts + ends * 60, holes: [], open_hours: [] }
    found.open_hours.push({ session_date: '2026-02-25', starts: at(0), ends: at(ends) })
    for (let place = 0; place < ends; place += 1000) {
        found.holes.push({ starts: at(place), ends: at(place + 10), state: 'missing', reason: 'feed_down' })
    }
    const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
    const measured = []
    for (let round = 0; round < rounds; round += 1) {
        const begins = performance.now()
        chart.show(slotsOf(candles, '1m', found), { timeframe: '1m', zone: 'UTC', isNew: true })
        chart.chart.timeScale().fitContent()
        await frame()
        measured.push(performance.now() - begins)
    }
    return [measured, chart.slots.length]
}"""


@pytest.fixture
def page() -> Iterator[Page]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: apt-get install chromium")
    # Nothing is asked of a database.
    nowhere = "postgresql://nobody:x@127.0.0.1:9/none"
    with desk(nowhere, sandboxes=1, PAGE_SIGN_IN="signature") as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1440, "height": 1000})
        opened.goto(address)
        yield opened
        browser.close()


def test_p21_ten_thousand_candles_are_drawn(page: Page) -> None:
    measuring = page.context.new_cdp_session(page)
    measuring.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.evaluate(_DRAW, [CANDLES, 1])  # its modules are loaded, and compiled
    before = _busy_seconds(measuring)
    measured, slots = page.evaluate(_DRAW, [CANDLES, ROUNDS])
    busy = (_busy_seconds(measuring) - before) / ROUNDS * 1000
    assert slots > CANDLES
    print(
        f"the page draws {CANDLES:,} candles and {slots - CANDLES:,} holes, all in sight, in {busy:.0f} ms of its"
        f" thread's processor time, {median(measured):.0f} ms by the clock (least {min(measured):.0f} ms), from text to"
        " pixels; 200 ms are the most"
    )


def _busy_seconds(measuring: CDPSession) -> float:
    found = {each["name"]: each["value"] for each in measuring.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])
