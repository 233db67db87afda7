"""Barriers for people who see, hear or move otherwise, as axe-core finds them in a page."""

from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
_RUN = """async () => {
    const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    const { violations } = await axe.run(document, { runOnly })
    return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map((node) => node.html).join(" ")}`)
}"""


def find_barriers(page: Page) -> Sequence[str]:
    """Every violation of WCAG AA. The library comes in as a debugger's script: the page's policy lets in no other."""
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(_RUN)
    return found
