"""The vendor's adapter against a local server that speaks the protocol, and errs on demand."""

import json
import logging
import socket
import ssl
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from chandlery.platform.errors import ChandleryError, Permanent, Retryable, UnknownTicker
from chandlery.platform.settings import Settings
from chandlery.vendors import open_vendor
from chandlery.vendors.domain.vendor import Vendor, VendorCandle
from chandlery.vendors.polygon import Polygon
from chandlery.words.window import Window
from tests import vendor_server as vs
from tests.vendor_server import Json, VendorServer, alter, bar, refuse, say
from tests.waiting import LAST_RESORT_SECONDS

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = Window(NOON, NOON + timedelta(hours=1))
TICKER = "X:BTCUSD"
MINUTE = timedelta(minutes=1)


class Clock:
    """Sleeping takes no time, yet passes."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.slept)


@pytest.fixture
def server() -> Iterator[VendorServer]:
    with VendorServer() as server:
        server.give(
            TICKER, *(bar(NOON + n * MINUTE, o=100, h=103.5, l=99, c=101, v=2.5, vw=101.25, n=7) for n in range(3))
        )
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor(server: VendorServer, clock: Clock) -> Iterator[Polygon]:
    with connected(server.url, server.key, clock) as vendor:
        yield vendor


def connected(url: str, key: str, clock: Clock, **settings: Any) -> Polygon:
    return Polygon(url, key, **{"sleep": clock.sleep, "monotonic": clock.monotonic} | settings)


def refused(vendor: Vendor, ticker: str = TICKER, window: Window = HOUR) -> ChandleryError:
    """The error of a fetch, of exactly the kinds a caller knows."""
    with pytest.raises(ChandleryError) as caught:
        vendor.fetch(ticker, window)
    assert type(caught.value) in (Retryable, Permanent, UnknownTicker)
    return caught.value


def times(candles: Sequence[VendorCandle]) -> list[datetime]:
    return [candle.time for candle in candles]


def row(**changes: Any) -> Callable[[Json], Json]:
    """Change the second row of an answer; a field set to `...` is left out."""

    def changed(page: Json) -> Json:
        rows = [dict(row) for row in page["results"]]
        rows[1] = {field: value for field, value in (rows[1] | changes).items() if value is not ...}
        return page | {"results": rows}

    return changed


# What it asks, and what it makes of a good answer


def test_candles_come_as_the_vendor_has_them(vendor: Polygon, server: VendorServer) -> None:
    candles = vendor.fetch(TICKER, HOUR)
    assert times(candles) == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]
    assert candles[0] == VendorCandle(
        NOON,
        open=Decimal(100),
        high=Decimal("103.5"),
        low=Decimal(99),
        close=Decimal(101),
        volume=Decimal("2.5"),
        turnover=Decimal("253.125"),
        trades=7,
    )
    assert vendor.name == "polygon"


def test_it_asks_for_the_minutes_that_start_inside_the_window(vendor: Polygon, server: VendorServer) -> None:
    odd = Window(NOON + timedelta(seconds=1), NOON + timedelta(minutes=2, microseconds=1))
    assert times(vendor.fetch(TICKER, odd)) == [NOON + MINUTE, NOON + 2 * MINUTE]
    assert times(vendor.fetch(TICKER, Window(NOON, NOON + 2 * MINUTE))) == [NOON, NOON + MINUTE]
    assert [request.path.rsplit("/", 2)[1:] for request in server.requests] == [
        [str(vs.epoch_ms(NOON + MINUTE)), str(vs.epoch_ms(NOON + 2 * MINUTE))],
        [str(vs.epoch_ms(NOON)), str(vs.epoch_ms(NOON + MINUTE))],
    ]
    assert server.requests[0].query == {"adjusted": "false", "sort": "asc", "limit": "50000"}
    assert server.requests[0].headers["Authorization"] == f"Bearer {server.key}"


def test_a_window_without_a_minutes_start_is_not_asked_for(vendor: Polygon, server: VendorServer) -> None:
    assert vendor.fetch(TICKER, Window(NOON + timedelta(seconds=1), NOON + timedelta(seconds=59))) == []
    assert server.requests == []


def test_a_ticker_is_quoted(vendor: Polygon, server: VendorServer) -> None:
    server.give("A/B C?", bar(NOON, 1, 1, 1, 1))
    assert times(vendor.fetch("A/B C?", HOUR)) == [NOON]


def test_no_candles_are_none(vendor: Polygon, server: VendorServer) -> None:
    server.give("QUIET")
    assert vendor.fetch("QUIET", HOUR) == []
    server.fault(alter(lambda page: page | {"results": None}))
    assert vendor.fetch("QUIET", HOUR) == []


def test_numbers_are_exact(vendor: Polygon, server: VendorServer) -> None:
    low, high = "0.00001234567890123456789", "123456789012345678901234567890.5"
    rows = f'[{{"t":{vs.epoch_ms(NOON)},"o":{low},"l":{low},"h":{high},"c":{low},"v":1e3,"vw":{low}}}]'
    server.fault(say(f'{{"ticker":"{TICKER}","adjusted":false,"status":"DELAYED","results":{rows},"news":[1]}}'))
    (candle,) = vendor.fetch(TICKER, HOUR)
    assert (candle.open, candle.high, candle.volume) == (Decimal(low), Decimal(high), 1000)
    assert (candle.turnover, candle.trades) == (Decimal("0.01234567890123456789"), None)


@pytest.mark.parametrize(
    ("changes", "turnover", "trades"),
    [
        ({"vw": ...}, None, 7),
        ({"n": ...}, Decimal("253.125"), None),
        ({"n": 0, "vw": None}, None, None),
        ({"n": 0, "vw": 0}, None, None),  # no average of prices from 99 to 103.5
        ({"n": 0, "vw": 0, "v": 0}, 0, None),
    ],
)
def test_what_the_vendor_does_not_say_is_null(
    vendor: Polygon, server: VendorServer, changes: Json, turnover: Decimal | None, trades: int | None
) -> None:
    server.fault(alter(row(**changes)))
    candle = vendor.fetch(TICKER, HOUR)[1]
    assert (candle.turnover, candle.trades) == (turnover, trades)


def test_prices_below_zero_are_taken_where_they_may_be(vendor: Polygon, server: VendorServer) -> None:
    server.fault(alter(row(o=-37, h=-36.5, l=-40.32, c=-37.63, vw=-38)))
    candle = vendor.fetch(TICKER, HOUR, allow_negative=True)[1]
    assert (candle.low, candle.turnover) == (Decimal("-40.32"), Decimal(-95))
    server.fault(alter(row(o=-37, h=-36.5, l=-40.32, c=-37.63, vw=0)))
    assert vendor.fetch(TICKER, HOUR, allow_negative=True)[1].turnover is None
    server.fault(alter(row(o=-1, h=1, l=-1, c=1, vw=0)))
    assert vendor.fetch(TICKER, HOUR, allow_negative=True)[1].turnover == 0


def test_pages_are_followed_with_the_key(vendor: Polygon, server: VendorServer) -> None:
    server.page_candles = 1
    assert times(vendor.fetch(TICKER, HOUR)) == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]
    assert [request.query.get("cursor") for request in server.requests] == [None, "1", "2"]
    assert {request.headers["Authorization"] for request in server.requests} == {f"Bearer {server.key}"}


def test_rows_are_sorted_and_a_row_sent_twice_is_kept_once(vendor: Polygon, server: VendorServer) -> None:
    server.fault(
        alter(lambda page: page | {"results": [*page["results"][::-1], page["results"][0]], "resultsCount": 4})
    )
    assert times(vendor.fetch(TICKER, HOUR)) == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]


def test_a_base_url_may_have_a_path(server: VendorServer, clock: Clock) -> None:
    with connected(f"{server.url}/through/", server.key, clock) as vendor:
        assert "VENDOR_URL" in str(refused(vendor))
    assert server.requests[0].path.startswith("/through/v2/aggs/")


def test_a_closed_vendor_opens_again(vendor: Polygon) -> None:
    vendor.fetch(TICKER, HOUR)
    vendor.close()
    assert len(vendor.fetch(TICKER, HOUR)) == 3


# Answers that cannot be true


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (row(o="100"), "at 2026-03-02T12:01:00Z (row 1) is wrong: o: "),
        (row(h=True), "at 2026-03-02T12:01:00Z (row 1) is wrong: h: "),
        (row(c=...), "at 2026-03-02T12:01:00Z (row 1) is wrong: c: "),
        (row(v=float("nan")), "at 2026-03-02T12:01:00Z (row 1) is wrong: v: "),
        (row(h=float("inf")), "at 2026-03-02T12:01:00Z (row 1) is wrong: h: "),
        (row(l=-1), "at 2026-03-02T12:01:00Z has a price below zero; where that may be: chandlery instruments set KEY"),
        (row(vw=-1), "at 2026-03-02T12:01:00Z has a price below zero"),
        (row(v=-1), "at 2026-03-02T12:01:00Z (row 1) is wrong: v: "),
        (row(v=10**100), "at 2026-03-02T12:01:00Z (row 1) is wrong: v: "),
        (row(n=-1), "at 2026-03-02T12:01:00Z (row 1) is wrong: n: "),
        (row(n=1.5), "at 2026-03-02T12:01:00Z (row 1) is wrong: n: "),
        (row(t="noon"), "(row 1) is wrong: t: "),
        (row(l=104), "at 2026-03-02T12:01:00Z cannot be true: l: low 104 above high 103.5"),
        (row(o=98), "at 2026-03-02T12:01:00Z cannot be true: o: 98 outside low 99 to high 103.5"),
        (row(c=104), "at 2026-03-02T12:01:00Z cannot be true: c: 104 outside"),
        (
            row(t=vs.epoch_ms(NOON) + 1),
            "at 2026-03-02T12:00:00.001000Z cannot be true: t: a candle starts with a minute",
        ),
        (row(t=vs.epoch_ms(NOON - timedelta(days=1))), "at 2026-03-01T12:00:00Z cannot be true: t: asked for were"),
        (row(t=vs.epoch_ms(HOUR.ends)), "at 2026-03-02T13:00:00Z cannot be true: t: asked for were"),
        (row(t=10**30), "t: asked for were"),
        (row(t=vs.epoch_ms(NOON)), None),
        (row(t=vs.epoch_ms(NOON), c=102), "two candles of X:BTCUSD at 2026-03-02T12:00Z"),
        (lambda page: page | {"results": [1, 2, 3]}, "(row 0) is wrong"),
        (lambda page: page | {"results": {}}, "is wrong: results: "),
        (lambda page: page | {"ticker": "X:ETHUSD"}, "asked for X:BTCUSD and answered for X:ETHUSD"),
        (lambda page: page | {"adjusted": True}, "answered with adjusted=True; set VENDOR_ADJUSTED"),
        (lambda page: page | {"adjusted": "false"}, "is wrong: adjusted: "),
        (lambda page: page | {"resultsCount": 9}, "counts 9 candles of X:BTCUSD and sent 3"),
        (lambda page: page | {"status": "ERROR", "error": "odd"}, "neither OK nor DELAYED (odd)"),
        (lambda page: page | {"next_url": 5}, "is wrong: next_url: "),
    ],
)
def test_an_answer_that_cannot_be_true_is_refused(
    vendor: Polygon, server: VendorServer, change: Callable[[Json], Json], told: str | None
) -> None:
    server.fault(alter(change))
    if told is None:
        assert times(vendor.fetch(TICKER, HOUR)) == [NOON, NOON + 2 * MINUTE]
        return
    error = refused(vendor)
    assert type(error) is Permanent
    assert told in str(error)
    assert len(server.requests) == 1, "what cannot be true is not asked for again"


def test_a_number_beyond_all_numbers_is_named(vendor: Polygon, server: VendorServer) -> None:
    server.fault(
        say(
            json.dumps(server.answer(f"/v2/aggs/ticker/{TICKER}/range/1/minute/0/9999999999999", {})[1]).replace(
                "103.5", "1e99999999999999999999"
            )
        )
    )
    assert "is wrong: h: " in str(refused(vendor))


@pytest.mark.parametrize("body", ["[]", "null", '"OK"', "{}"])
def test_json_of_another_kind_is_refused(vendor: Polygon, server: VendorServer, body: str) -> None:
    server.fault(say(body))
    assert type(refused(vendor)) is Permanent


@pytest.mark.parametrize(
    "body", ['{"status": "OK", "results": [{"t": 17', "", "<html>", b"\xff\xfe\x00", "[" * 100_000]
)
def test_truncated_json_may_be_whole_next_time(vendor: Polygon, server: VendorServer, body: str | bytes) -> None:
    server.fault(say(body))
    error = refused(vendor)
    assert type(error) is Retryable
    assert "is not whole JSON" in str(error)


def test_a_prices_adjustment_is_asked_for(server: VendorServer, clock: Clock) -> None:
    with connected(server.url, server.key, clock, adjusted=True) as vendor:
        assert len(vendor.fetch(TICKER, HOUR)) == 3
        assert server.requests[0].query["adjusted"] == "true"
        server.adjusted = False
        assert "adjusted=True and answered with adjusted=False" in str(refused(vendor))


# Refusals


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_reported(vendor: Polygon, server: VendorServer, status: int) -> None:
    server.fault(refuse(status, {"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."}))
    error = refused(vendor)
    assert type(error) is Permanent
    assert f"{status} (You are not entitled to this data.); check VENDOR_API_KEY" in str(error)
    assert len(server.requests) == 1


def test_a_wrong_key_is_reported(server: VendorServer, clock: Clock) -> None:
    with connected(server.url, "another", clock) as vendor:
        assert "401 (Unknown API Key)" in str(refused(vendor))


def test_an_unknown_ticker_is_reported(vendor: Polygon) -> None:
    error = refused(vendor, "GONE")
    assert type(error) is UnknownTicker
    assert "does not know the ticker GONE" in str(error)


def test_a_wrong_address_is_no_unknown_ticker(vendor: Polygon, server: VendorServer) -> None:
    server.fault(refuse(404, "<html>nothing here</html>"), refuse(400))
    error = refused(vendor)
    assert type(error) is Permanent
    assert "404; check VENDOR_URL" in str(error)
    assert "400 (no: 400)" in str(refused(vendor))


def test_redirects_are_not_followed(vendor: Polygon, server: VendorServer, clock: Clock) -> None:
    with VendorServer() as elsewhere:
        server.fault(refuse(302, Location=f"{elsewhere.url}/v2"))
        error = refused(vendor)
        assert elsewhere.requests == []
    assert type(error) is Permanent
    assert "302, a redirect" in str(error)


# Pages that lead astray


def test_the_key_is_not_sent_elsewhere(vendor: Polygon, server: VendorServer) -> None:
    with VendorServer() as elsewhere:
        for url in (
            elsewhere.url,
            server.url.replace("http", "https"),
            server.url.replace("//", "//me@"),
            "/v2",
            "http://[",
        ):
            server.fault(alter(lambda page, url=url: page | {"next_url": f"{url}/v2/aggs?cursor=1"}))  # type: ignore[misc]
            error = refused(vendor)
            assert type(error) is Permanent, url
            assert "next_url" in str(error)
        assert elsewhere.requests == []


def test_a_page_that_comes_again_never_ends(vendor: Polygon, server: VendorServer) -> None:
    server.fault(
        alter(lambda page: page | {"next_url": f"{server.url}{server.requests[-1].path}?adjusted=false&cursor=0"}),
        always=True,
    )
    assert "never ends: 2 pages" in str(refused(vendor))


def test_pages_that_never_end_are_given_up(vendor: Polygon, server: VendorServer) -> None:
    server.fault(vs.next_page_always, always=True)
    error = refused(vendor)
    assert type(error) is Permanent
    assert "never ends: 500 pages" in str(error)


# Trouble that passes, and trouble that does not


@pytest.mark.parametrize(
    "faults",
    [
        [refuse(500)],
        [refuse(502, "<html>"), refuse(503), refuse(504)],
        [refuse(429)],
        [vs.cut_off],
        [vs.hang_up, vs.cut_off],
        [refuse(429, retry_after="soon")],
        [refuse(503, retry_after="Mon, 01 Jan 99999999 00:00:00 GMT")],
    ],
)
def test_what_passes_is_waited_for(vendor: Polygon, server: VendorServer, clock: Clock, faults: list[vs.Fault]) -> None:
    server.fault(*faults)
    assert len(vendor.fetch(TICKER, HOUR)) == 3
    assert len(clock.slept) == len(faults)
    assert all(0.5 <= seconds <= 20 for seconds in clock.slept)


def test_the_vendors_wait_is_kept(vendor: Polygon, server: VendorServer, clock: Clock) -> None:
    server.fault(refuse(429, retry_after="7"), refuse(429, retry_after="0"))
    assert len(vendor.fetch(TICKER, HOUR)) == 3
    assert clock.slept == [7, 0]


def test_the_vendors_wait_may_be_a_date(vendor: Polygon, server: VendorServer, clock: Clock) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    server.fault(refuse(429, retry_after=soon))
    assert len(vendor.fetch(TICKER, HOUR)) == 3
    assert len(clock.slept) == 1
    assert 10 < clock.slept[0] <= 20


@pytest.mark.parametrize(
    ("retry_after", "told"),
    [("3600", "asks to wait 3600 s"), ("9" * 400, "asks to wait 31536000 s"), ("61", "asks to wait 61 s")],
)
def test_a_wait_beyond_the_deadline_is_not_begun(
    vendor: Polygon, server: VendorServer, clock: Clock, retry_after: str, told: str
) -> None:
    server.fault(refuse(429, retry_after=retry_after), always=True)
    error = refused(vendor)
    assert type(error) is Retryable
    assert told in str(error)
    assert "answered 429 (no: 429)" in str(error)
    assert clock.slept == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (refuse(429), "answered 429 (no: 429), 7 times over"),
        (refuse(429, retry_after="0"), "answered 429 (no: 429), 7 times over"),
        (refuse(500), "answered 500 (no: 500), 7 times over"),
        (vs.cut_off, "did not answer: "),
        (vs.hang_up, "did not answer: "),
    ],
)
def test_what_does_not_pass_is_given_up(
    vendor: Polygon, server: VendorServer, clock: Clock, fault: vs.Fault, told: str
) -> None:
    server.fault(fault, always=True)
    error = refused(vendor)
    assert type(error) is Retryable
    assert told in str(error)
    assert len(server.requests) == 7
    assert sum(clock.slept) < 60


@pytest.mark.parametrize("retries", [0, 2])
def test_how_often_it_is_asked_again_is_a_setting(server: VendorServer, clock: Clock, retries: int) -> None:
    server.fault(refuse(500), always=True)
    with connected(server.url, server.key, clock, retries=retries) as vendor:
        assert type(refused(vendor)) is Retryable
    assert len(server.requests) == retries + 1


def test_waits_count_towards_the_deadline(vendor: Polygon, server: VendorServer, clock: Clock) -> None:
    server.fault(refuse(429, retry_after="25"), always=True)
    assert "asks to wait 25 s, with 10 s left of the deadline of 60 s" in str(refused(vendor))
    assert clock.slept == [25, 25]


def test_each_fetch_has_a_deadline_of_its_own(vendor: Polygon, server: VendorServer, clock: Clock) -> None:
    for _ in range(3):
        server.fault(refuse(429, retry_after="40"))
        assert len(vendor.fetch(TICKER, HOUR)) == 3


@pytest.mark.parametrize(
    "fault", [vs.drip_headers(0.02), vs.drip_body(0.02), vs.stay_silent], ids=["headers", "body", "silence"]
)
def test_a_drip_ends_with_the_deadline(server: VendorServer, clock: Clock, fault: vs.Fault) -> None:
    server.fault(fault, always=True)
    with connected(server.url, server.key, clock, timeout_seconds=LAST_RESORT_SECONDS, deadline_seconds=0.3) as vendor:
        error = refused(vendor)
    assert type(error) is Retryable
    assert "did not finish within 0.3 s" in str(error)


def test_a_silent_server_is_asked_again(server: VendorServer, clock: Clock) -> None:
    server.fault(vs.stay_silent)
    with connected(server.url, server.key, clock, timeout_seconds=1) as vendor:
        assert len(vendor.fetch(TICKER, HOUR)) == 3


def test_a_body_without_end_is_broken_off(vendor: Polygon, server: VendorServer) -> None:
    server.fault(vs.never_end)
    error = refused(vendor)
    assert type(error) is Retryable
    assert "longer than 16777216 bytes" in str(error)
    assert len(vendor.fetch(TICKER, HOUR)) == 3, "the next fetch is not hurt"


def test_an_endless_refusal_is_broken_off(vendor: Polygon, server: VendorServer) -> None:
    def refuse_without_end(handler: vs.VendorHandler) -> None:
        handler.begin(500, Connection="close")
        handler.drip(b" " * 65_536, 0)

    server.fault(refuse_without_end)
    assert len(vendor.fetch(TICKER, HOUR)) == 3


def test_a_refused_connection_is_reported(clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with connected(f"http://127.0.0.1:{port}", "key", clock) as vendor:
        error = refused(vendor)
    assert type(error) is Retryable
    assert "refused" in str(error)
    assert len(clock.slept) == 6


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS for 127.0.0.1, and the certificate that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, private = tmp_path / "vendor.pem", tmp_path / "vendor.key"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return context, pem


def test_it_speaks_tls_with_whom_the_system_trusts(
    tls: tuple[ssl.SSLContext, Path], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = tls
    with VendorServer(tls=context) as server:
        server.give(TICKER, bar(NOON, 1, 1, 1, 1))
        with connected(server.url, server.key, clock) as vendor:
            error = refused(vendor)
        assert type(error) is Permanent
        assert "cannot be trusted: self-signed certificate" in str(error)
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with connected(server.url, server.key, clock) as vendor:
            assert times(vendor.fetch(TICKER, HOUR)) == [NOON]
        server.fault(vs.drip_body(0.02), always=True)
        with connected(server.url, server.key, clock, deadline_seconds=0.5) as vendor:
            assert "did not finish within 0.5 s" in str(refused(vendor))


def test_tls_that_fails_is_reported(server: VendorServer, clock: Clock) -> None:
    with connected(server.url.replace("http", "https"), server.key, clock) as vendor:
        error = refused(vendor)
    assert type(error) is Retryable
    assert "SSL" in str(error)


# The key stays here

KEY = "sk-Very/Secret+Key%="


@pytest.mark.parametrize(
    "fault",
    [
        refuse(401, {"error": f"Unknown API Key {KEY}"}),
        refuse(403, {"message": "x" * 190 + KEY}),
        refuse(400, {"error": f"bad request: apiKey={KEY.lower()}"}),
        refuse(500, {"error": f"bad request: apiKey={KEY}"}),
        refuse(500, {"error": "bad request: apiKey=sk-Very%2FSecret%2BKey%25%3D"}),
        refuse(302, Location=f"https://elsewhere.example/{KEY}"),
        say(f"{KEY} is no JSON"),
        say({"status": KEY, "error": KEY}),
        alter(lambda page: page | {"ticker": KEY}),
        alter(lambda page: page | {"adjusted": KEY}),
        alter(row(o=KEY)),
        alter(row(t=KEY)),
        alter(lambda page: page | {"next_url": f"https://{KEY}.example/"}),
        alter(lambda page: page | {"next_url": f"/v2?apiKey={KEY}"}),
        lambda handler: handler.wfile.write(f"HTTP/1.1 {KEY}\r\n\r\n".encode()),
        lambda handler: handler.wfile.write(f"{KEY}\r\n\r\n".encode()),
    ],
)
def test_the_key_is_never_revealed(
    server: VendorServer, clock: Clock, fault: vs.Fault, caplog: pytest.LogCaptureFixture
) -> None:
    server.key = KEY
    server.fault(fault, always=True)
    with caplog.at_level(logging.DEBUG), connected(server.url, KEY, clock) as vendor:
        error = refused(vendor)
        held = repr(vendor) + repr(vars(vendor)) + str(vars(vendor))
    told = "".join(traceback.format_exception(error)) + caplog.text + held
    assert all(len(request.query) == 3 and KEY not in request.path for request in server.requests)
    for piece in (KEY, "sk-Very", KEY.lower(), "sk-very"):
        assert piece not in told


def test_a_next_url_with_the_key_is_refused(vendor: Polygon, server: VendorServer) -> None:
    server.fault(alter(lambda page: page | {"next_url": f"{server.url}/v2?apiKey={server.key}"}))
    assert "next_url carries the key" in str(refused(vendor))
    assert len(server.requests) == 1


@pytest.mark.parametrize("key", ["", "two words", "line\n", "schlüssel"])
def test_a_key_no_header_can_carry_is_refused(key: str) -> None:
    with pytest.raises(Permanent, match="correct VENDOR_API_KEY or the secret") as caught:
        Polygon("https://api.polygon.io", SecretStr(key))
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "api.polygon.io", "ftp://x", "https://", "https://me:key@x", "https://x?apiKey=key"]
)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(Permanent, match="VENDOR_URL is malformed") as caught:
        Polygon(url, "key")
    assert "me:key" not in str(caught.value)


# From the settings


def test_settings_open_the_vendor_they_name(server: VendorServer) -> None:
    assert open_vendor(Settings(vendor=None)) is None
    vendor = open_vendor(Settings(vendor="polygon", vendor_url=server.url, vendor_api_key=server.key))
    assert vendor is not None
    assert len(vendor.fetch(TICKER, HOUR)) == 3
    assert isinstance(vendor, Polygon)
    vendor.close()
