"""`python -m tests.browser.screenshots` draws the page's pictures of docs/images, from a desk made for them."""

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from playwright.sync_api import Browser, sync_playwright

from chandlery.platform.connection import connect
from chandlery.platform.migrations import alembic_config
from chandlery.platform.settings import Settings
from local.embedded import EmbeddedDatabase
from tests.browser.conftest import CHROMIUM, ZONE
from tests.browser.scene import CALM, HOLES, MORE, TINY, VENDOR, WORST, add_options, desk, seed

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
_LINES = "ind=bbands:timeperiod%3D20;rsi"
# name → the state it shows, the window, dark or light
_PICTURES = {
    "page": (f"#i={WORST}&tf=1m&{_LINES}", (1440, 900), "light"),
    "page-dark": (f"#i={WORST}&tf=5m&d={{day}}&m={{minute}}&to={{now}}", (1440, 900), "dark"),
    "page-phone": (f"#i={WORST}&tf=1m", (390, 844), "light"),
}


def main() -> int:
    """Draw them; returns the exit code."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = EmbeddedDatabase(Path(folder), tied=True)
        url = database.start()
        command.upgrade(alembic_config(url), "head")
        at = datetime.now(UTC)
        with connect(Settings(database_url=url), "screenshots") as connection:
            seed(connection, at, minutes=3 * 1440, keys=(WORST, VENDOR, TINY, CALM, *MORE))
            add_options(connection, at)
        with desk(url) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
            for name in _PICTURES:
                _draw(browser, address, name, at)
            browser.close()
        database.stop()
    return 0


def _draw(browser: Browser, address: str, name: str, at: datetime) -> None:
    state, (width, height), scheme = _PICTURES[name]
    hole = at.timestamp() // 60 * 60 - HOLES[0][0] * 60
    minute = datetime.fromtimestamp(hole, UTC)
    state = state.format(day=minute.date(), minute=f"{minute:%Y-%m-%dT%H:%MZ}", now=f"{at:%Y-%m-%dT%H:%MZ}")
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id=ZONE)  # type: ignore[arg-type]  # one of two words
    page.goto(f"{address}/{state}")
    page.wait_for_function("() => globalThis.chandlery?.instrument.chart.slots.length > 0")
    if "ind=" in state:
        page.wait_for_function("() => chandlery.instrument.chart.lines.length > 0")
    page.locator("#options table").wait_for(state="attached")
    page.wait_for_timeout(3_000)
    page.screenshot(path=str(IMAGES / f"{name}.png"))
    page.close()


if __name__ == "__main__":
    sys.exit(main())
