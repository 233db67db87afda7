"""SigV4: what reaches the server carries the signature that the server computes."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chandlery_client import BadAnswer, BadArgument, Client, Patience, aws_auth
from raw_server import http, playing, say

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "session-words")


class Session:
    def get_credentials(self) -> Any:
        return KEYS


class Nobody:
    def get_credentials(self) -> None:
        return None


def signature_of(raw: bytes, address: str) -> tuple[str, str]:
    """The signature that a request carries, and the one that its own words give."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    named = re.search(r"SignedHeaders=([^,]+), Signature=(\w+)", headers["authorization"])
    assert named
    signed = {name: headers[name] for name in named[1].split(";") if name != "host"}
    request = AWSRequest(method=method, url=f"{address}{target}", data=body, headers=signed)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(KEYS, "execute-api", "eu-west-1")
    return named[2], signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


def test_the_server_finds_the_signature_right() -> None:
    page = http("200 OK", b'{"candles": [], "next_cursor": null}')
    with playing(say(http("503 Busy", b"", "Retry-After: 0")), say(page)) as server:
        with Client(
            server.url, auth=aws_auth("eu-west-1", session=Session()), patience=Patience(first_wait=0.01)
        ) as client:
            client.candles("BINANCE@BTC/USDT@SPOT", "1m", from_=datetime(2026, 3, 2, tzinfo=UTC)).list()
            client.candles("X@Ä漢'ß%&+@EQ", "1m", limit=1).list()
        assert len(server.requests) == 3
        for raw in server.requests:
            carried, computed = signature_of(raw, server.url)
            assert carried == computed
        assert b"X-Amz-Security-Token: session-words" in server.requests[0] or (
            b"x-amz-security-token: session-words" in server.requests[0].lower()
        )
        assert unquote(server.requests[2].decode().split("?")[0]).endswith("X@Ä漢'ß%&+@EQ")


def test_a_body_is_signed() -> None:
    with playing(say(http("200 OK", b"{}"))) as server:
        client = Client(server.url, auth=aws_auth("eu-west-1", session=Session()))
        with client, pytest.raises(BadAnswer, match="not as the API documents"):
            client.compute("X@A@EQ", ["rsi"])
        carried, computed = signature_of(server.requests[0], server.url)
        assert carried == computed


def test_no_credentials_are_an_error_before_anything_is_sent() -> None:
    with pytest.raises(BadArgument, match="nowhere to be found"):
        aws_auth("eu-west-1", session=Nobody())


def test_a_token_and_a_signature_are_too_much() -> None:
    with pytest.raises(BadArgument, match="not both"):
        Client("http://test", token="t", auth=lambda request, url: {})
