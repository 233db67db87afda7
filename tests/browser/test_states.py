"""The page in every state of a desk: what somebody sees of it in ten seconds."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, Route, expect
from psycopg import Connection

from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from chandlery.reference.store import feeds
from chandlery.words.window import MINUTE, floor_minute
from tests.browser.barriers import find_barriers
from tests.browser.conftest import Open
from tests.browser.scene import CALM, desk, seed
from tests.conftest import empty
from tests.integration.market import keep_at_work

PHONE = {"viewport": {"width": 375, "height": 800}}


@pytest.fixture(scope="module")
def healthy(migrated_url: str) -> Iterator[tuple[Connection, str]]:
    """A desk of one instrument of which nothing is missing, and where its page is."""
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        seed(connection, datetime.now(UTC), minutes=60, keys=[CALM], has_holes=False)
        with desk(migrated_url) as address:
            yield connection, address


@pytest.fixture
def at_work(healthy: tuple[Connection, str]) -> Iterator[tuple[Connection, str]]:
    """The same, with components that ran a moment ago; what a test makes of it is taken back."""
    connection, address = healthy
    keep_at_work_again(connection)
    yield connection, address
    connection.execute("DELETE FROM market.dirty")
    feeds.set_live(connection, "test", live=False)


def keep_at_work_again(connection: Connection) -> None:
    connection.execute("DELETE FROM market.runs")
    keep_at_work(connection, floor_minute(datetime.now(UTC)))


def verdict_of(page: Page, expected: str) -> None:
    expect(page.locator("#verdict .word strong")).to_have_text(expected)


def fact(page: Page, name: str) -> str:
    return page.locator(f"#verdict .facts div:has(dt:text-is('{name}')) dd").inner_text()


def test_healthy(at_work: tuple[Connection, str], opened: Open) -> None:
    page = opened(at_work[1])
    verdict_of(page, "Healthy")
    assert (fact(page, "Open gaps"), fact(page, "Silent feeds"), fact(page, "Failing")) == ("0", "none", "none")
    assert "UTC" in fact(page, "Newest minute")
    expect(page.locator("#instrument-title")).to_have_text(CALM)
    expect(page.locator("#chart-said")).to_contain_text("no hole")
    assert find_barriers(page) == []


def test_the_verdict_ticks_by_itself(at_work: tuple[Connection, str], opened: Open) -> None:
    page = opened(at_work[1])
    verdict_of(page, "Healthy")
    before = fact(page, "Newest minute")
    page.wait_for_function(
        "before => document.querySelector('#verdict .facts div:nth-child(2) dd').innerText !== before", arg=before
    )


def test_late(at_work: tuple[Connection, str], opened: Open) -> None:
    connection, address = at_work
    late = floor_minute(datetime.now(UTC)) - 12 * MINUTE
    connection.execute(
        "INSERT INTO market.dirty (dataset, bucket, ticks, instrument_ids)"
        " SELECT 'candles', %s, array_agg(1), array_agg(instrument_id) FROM market.instruments",
        [late],
    )
    page = opened(address)
    verdict_of(page, "Delayed")
    assert fact(page, "Lag").startswith(("10 min", "11 min", "12 min"))
    expect(page.locator(".causes")).to_contain_text("wait for the live processor")
    # It heals while somebody looks.
    connection.execute("DELETE FROM market.dirty")
    verdict_of(page, "Healthy")


def test_failing_and_what_to_do(at_work: tuple[Connection, str], opened: Open) -> None:
    connection, address = at_work
    connection.execute(
        "INSERT INTO market.runs (component, scheduled_at, status, seconds, error)"
        " SELECT 'live_processor', date_trunc('minute', now()) - n * INTERVAL '1 min', 'failed', 1, 'out of memory'"
        " FROM generate_series(0, 3) AS n"
        " ON CONFLICT (component, scheduled_at) DO UPDATE SET status = excluded.status, error = excluded.error"
    )
    page = opened(address)
    verdict_of(page, "Failing")
    assert fact(page, "Failing") == "live processor"
    page.locator(".causes li", has_text="live processor").get_by_role("link").click()
    expect(page.locator("#sheet")).to_contain_text("A component fails")
    assert find_barriers(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#sheet")).to_be_hidden()


def test_a_feed_is_silent(at_work: tuple[Connection, str], opened: Open) -> None:
    connection, address = at_work
    feeds.set_live(connection, "test", live=True)
    page = opened(address)
    expect(page.locator("#verdict .facts")).to_contain_text("test")
    assert fact(page, "Silent feeds") == "test"


def test_an_api_that_goes_away_is_named_with_its_time(at_work: tuple[Connection, str], opened: Open) -> None:
    page = opened(at_work[1])
    verdict_of(page, "Healthy")
    page.context.set_offline(True)
    expect(page.locator(".trouble")).to_contain_text("No answer since")
    expect(page.locator(".sentence")).to_contain_text("as of")
    verdict_of(page, "Healthy")
    page.context.set_offline(False)
    expect(page.locator(".trouble")).to_be_hidden()


def test_a_page_that_is_hidden_asks_nothing(at_work: tuple[Connection, str], opened: Open) -> None:
    page = opened(at_work[1])
    verdict_of(page, "Healthy")
    expect(page.locator("#chart-said")).to_contain_text("candles")
    page.evaluate("""() => {
        Object.defineProperty(document, 'hidden', { value: true, configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))
        chandlery.status.wait = () => 50
    }""")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/status" in request.url else None)
    page.wait_for_timeout(400)
    assert asked == []
    with page.expect_request("**/status"):
        page.evaluate("() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')) }")
    with page.expect_request("**/status"):
        pass


def test_ten_thousand_instruments(at_work: tuple[Connection, str], opened: Open) -> None:
    connection, address = at_work
    connection.execute(
        "INSERT INTO market.instruments (instrument_key, calendar, feed)"
        " SELECT format('MANY@S%s@EQ', lpad(n::text, 5, '0')), '24/7', 'test' FROM generate_series(1, 10000) AS n"
    )
    try:
        page = opened(address)
        page.wait_for_function("() => chandlery.heat.rows.length >= 100")
        page.locator(".scroller").evaluate("each => each.scrollTo(0, each.scrollHeight)")
        page.wait_for_function("() => chandlery.heat.rows.length >= 200")
        page.locator("#filter").fill("s0123")
        page.wait_for_function("() => chandlery.heat.rows.length === 10")
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.locator("#search input").fill("S04999")
        page.locator("#search .results button", has_text="S04999").wait_for()
        page.keyboard.press("Enter")
        expect(page.locator("#instrument-title")).to_have_text("MANY@S04999@EQ")
        expect(page.locator("#chart-said")).to_contain_text("No candle")
    finally:
        connection.execute("DELETE FROM market.instruments WHERE instrument_key LIKE 'MANY@%'")


def test_a_phone(at_work: tuple[Connection, str], opened: Open) -> None:
    page = opened(at_work[1], **PHONE, has_touch=True, color_scheme="dark")
    verdict_of(page, "Healthy")
    expect(page.locator("#chart-said")).to_contain_text("candles")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert find_barriers(page) == []


def test_the_database_is_down(opened: Open) -> None:
    with desk("postgresql://postgres:x@127.0.0.1:9/postgres", sandboxes=1) as address:
        page = opened(address)
        trouble = page.locator(".trouble")
        began = datetime.now(UTC)
        expect(trouble).to_contain_text("No answer since", timeout=2_000 if is_quick(page) else 20_000)
        expect(trouble).to_contain_text("the database could not answer")
        since = trouble.inner_text().split("since ")[1][:5]
        assert since in {f"{began + each:%H:%M}" for each in (0 * MINUTE, MINUTE)}
        verdict_of(page, "No answer")
        assert find_barriers(page) == []


def is_quick(page: Page) -> bool:
    """Whether the machine has time for the page: no test asserts a time on one that has none."""
    return float(page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")) < 300


def test_an_empty_database(migrated_url: str, healthy: tuple[Connection, str], opened: Open) -> None:
    connection, address = healthy
    empty(connection)
    page = opened(address)
    verdict_of(page, "Empty")
    expect(page.locator("#heat-said")).to_contain_text("No instrument is known yet")
    expect(page.locator("#chart-said")).to_contain_text("Choose an instrument")
    assert find_barriers(page) == []


@pytest.fixture(scope="module")
def with_tokens(migrated_url: str) -> Iterator[str]:
    issuer = {"PAGE_SIGN_IN": "token", "PAGE_ISSUER": "https://issuer.example", "PAGE_CLIENT_ID": "page"}
    with desk(migrated_url, sandboxes=1, **issuer) as address:
        yield address


class TestSignIn:
    """The API's own authorizer is AWS's: what it answers to a wrong token is put in by the browser's network here."""

    def test_no_token(self, with_tokens: str, opened: Open) -> None:
        asked: list[str] = []
        page = opened(with_tokens)
        page.on("request", lambda request: asked.append(request.url))
        expect(page.locator("#notice h2")).to_have_text("Sign in")
        expect(page.locator("#verdict")).to_be_hidden()
        assert [url for url in asked if "/api/" in url] == []
        assert find_barriers(page) == []

    def test_a_code_becomes_a_token(self, with_tokens: str, opened: Open) -> None:
        page = opened(with_tokens)
        endpoints = {f"{name}_endpoint": f"https://issuer.example/{name}" for name in ("authorization", "token")}
        sent: list[str] = []

        def redeem(route: Route) -> None:
            sent.append(str(route.request.post_data))
            route.fulfill(json={"access_token": "t0ken", "expires_in": 600})

        page.route(
            "https://issuer.example/.well-known/openid-configuration", lambda route: route.fulfill(json=endpoints)
        )
        page.route("https://issuer.example/token", redeem)
        page.route("https://issuer.example/authorization?*", lambda route: route.fulfill(body="who are you?"))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("https://issuer.example/authorization?*")
        query = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
        assert (query["client_id"], query["code_challenge_method"]) == ("page", "S256")
        with page.expect_request("**/api/v1/timeframe-aggregation/status") as request:
            page.goto(f"{with_tokens}/?code=c0de&state={query['state']}")
        assert request.value.headers["authorization"] == "Bearer t0ken"
        assert "code=c0de" in sent[0]
        assert "code_verifier=" in sent[0]
        assert page.evaluate("location.search") == ""
        expect(page.locator("#notice")).to_be_hidden()

    def test_a_code_of_another_sign_in_is_refused(self, with_tokens: str, opened: Open) -> None:
        page = opened(with_tokens, "?code=c0de&state=other")
        expect(page.locator("#notice")).to_contain_text("belongs to another sign-in")

    def test_an_expired_token(self, with_tokens: str, opened: Open) -> None:
        page = opened(with_tokens)
        kept = json.dumps({"token": "old", "ends": 1_700_000_000_000})
        page.evaluate("kept => sessionStorage.setItem('chandlery.token', kept)", kept)
        page.reload()
        expect(page.locator("#notice h2")).to_have_text("Your token has ended")
        assert find_barriers(page) == []

    def test_a_token_that_the_api_does_not_take(self, with_tokens: str, opened: Open) -> None:
        page = opened(with_tokens)
        kept = "sessionStorage.setItem('chandlery.token', JSON.stringify({token: 'x', ends: Date.now() + 1e6}))"
        page.evaluate(kept)
        page.route("**/api/v1/**", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))
        page.reload()
        expect(page.locator("#notice h2")).to_have_text("Your token has ended")

    def test_signed_requests_are_none_for_a_browser(self, opened: Open) -> None:
        with desk("postgresql://postgres:x@127.0.0.1:9/postgres", sandboxes=1, PAGE_SIGN_IN="signature") as address:
            page = opened(address)
            expect(page.locator("#notice")).to_contain_text("A browser cannot call this API")
            expect(page.locator("#notice code")).to_contain_text("chandlery up")
            assert find_barriers(page) == []
