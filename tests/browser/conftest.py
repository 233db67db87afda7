"""Fixtures of the page's tests: Debian's Chromium, driven by Playwright."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.barriers import AXE

CHROMIUM = Path("/usr/bin/chromium")
VIEWPORT = {"width": 1440, "height": 1000}
# Far from every exchange: the browser's own zone is to have no say.
ZONE = "Asia/Tokyo"
# Beyond what the page waits between two polls.
expect.set_options(timeout=20_000)
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for a module; it ends with it, for it keeps a loop of events in this thread."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: apt-get install chromium")
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make .venv/dev")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Opens the page in a context of its own; what goes wrong in its scripts fails the test."""
    contexts, errors = [], list[str]()

    def open_page(address: str, state: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": VIEWPORT, "timezone_id": ZONE} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
        page.goto(f"{address}/{state}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []
