"""The page as it is served: files, addresses, headers; and what its modules name."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.integration.api_scene import call, settings

PAGE = REPO / "functions" / "http_api" / "page"
NOWHERE = "postgresql://nobody:x@127.0.0.1:9/none"


@pytest.fixture(autouse=True)
def service() -> Iterator[None]:
    """Without a database: the page asks none."""
    with settings(NOWHERE):
        yield


def addresses() -> list[str]:
    return re.findall(r'(?:src|href)="(/page/[^"]+)"', call("GET", "/").text)


def test_every_file_that_the_page_names_is_there() -> None:
    for address in addresses():
        answered = call("GET", address)
        if "/vendor" not in address and "lightweight-charts" not in address:
            assert answered.status == 200, address
            assert "immutable" in answered.headers["Cache-Control"]


def test_modules_import_each_other_by_name() -> None:
    for path in PAGE.glob("*.js"):
        for name in re.findall(r"from '\./([^']+)'", path.read_text()):
            assert (PAGE / name).exists() or name == "lightweight-charts.js", (path.name, name)


@pytest.mark.parametrize("path", ["/", "/page/x/app.js", "/page/x/page.css", "/page/x/feed-silent.md"])
def test_what_is_had_already_is_not_sent(path: str) -> None:
    first = call("GET", path)
    again = call("GET", path, if_none_match=first.headers["ETag"])
    assert (first.status, again.status, again.text) == (200, 304, "")
    # Of another version, or of the page itself, nothing is kept unasked.
    assert first.headers["Cache-Control"] == "no-cache"


def test_nothing_from_elsewhere_is_let_in() -> None:
    headers = call("GET", "/").headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; connect-src 'self'; ")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not re.findall(r'(?:src|rel="stylesheet" href)="https?:', call("GET", "/").text)


def test_the_issuer_may_be_called() -> None:
    issuer = {
        "PAGE_SIGN_IN": "token",
        "PAGE_ISSUER": "https://issuer.example/pool",
        "PAGE_CLIENT_ID": "page",
        "PAGE_TOKEN_ORIGINS": "https://desk.auth.example",
    }
    with settings(NOWHERE, **issuer):
        page = call("GET", "/")
    assert (
        "connect-src 'self' https://issuer.example https://desk.auth.example;"
        in page.headers["Content-Security-Policy"]
    )
    assert "https://issuer.example/pool" in page.text


def test_what_is_no_file_is_not_found() -> None:
    for path in ("/page/x/settings.py", "/page/x/..%2Fhealth.py", "/page/x/nothing.js"):
        assert call("GET", path).status == 404


def test_every_runbook_that_the_page_links_to_exists() -> None:
    pages = re.findall(r"/, '([a-z-]+)'\]", (PAGE / "runbook.js").read_text())
    assert len(pages) > 10
    for name in pages:
        assert (REPO / "docs" / "runbook" / f"{name}.md").is_file(), name
        assert call("GET", f"/page/x/{name}.md").status == 200


def test_no_file_of_the_page_is_long() -> None:
    assert max(len(path.read_text().splitlines()) for path in Path(PAGE).glob("*.js")) < 300
