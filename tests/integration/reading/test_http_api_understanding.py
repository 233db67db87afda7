"""The words of a request are read once: what is asked again is answered as before, and nothing else is."""

from typing import Any

import pytest
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import OpenAPIRequestValidationMiddleware

from tests.integration.api_scene import COIN, SHARE, call, candles, compute, get
from tests.integration.api_scene import scene as scene
from tests.integration.api_scene import service as service


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths whose words Powertools read meanwhile."""
    found: list[str] = []
    reads = OpenAPIRequestValidationMiddleware.handler

    def counted(self: Any, app: Any, next_middleware: Any) -> Any:
        found.append(app.current_event.path)
        return reads(self, app, next_middleware)

    monkeypatch.setattr(OpenAPIRequestValidationMiddleware, "handler", counted)
    return found


def test_the_same_is_read_once(read: list[str]) -> None:
    asked = {"from_": "2013-10-07", "to": "2013-10-09", "limit": 31}
    first, again = candles(SHARE, "1h", **asked), candles(SHARE, "1h", **asked)
    assert (first.status, again.text, len(read)) == (200, first.text, 1)
    # What the caller takes, and has, is not part of it.
    as_csv = candles(SHARE, "1h", **asked, accept="text/csv")
    assert (as_csv.text.split(",")[0], len(read)) == ("time", 1)
    assert candles(SHARE, "1h", **asked, if_none_match=first.headers["ETag"]).status == 304
    assert candles(SHARE, "1h", **asked, accept="image/png").status == 406
    assert call("HEAD", f"/api/v1/candles/{SHARE}?timeframe=1h&from=2013-10-07&to=2013-10-09&limit=31").status == 200
    assert len(read) == 1
    # Another key, another query.
    assert candles(COIN, "1h", **asked).json["instrument_key"] == COIN
    assert len(candles(SHARE, "1h", **asked | {"limit": 3}).json["candles"]) == 3
    assert len(read) == 3


def test_what_is_refused_is_read_each_time(read: list[str]) -> None:
    wrong = [candles(SHARE, "7h"), candles(SHARE, "7h")]
    assert [(each.status, each.fields) for each in wrong] == [(422, ["timeframe"])] * 2
    assert len(read) == 2
    # Read, and then refused for what nobody reads.
    assert [get("/api/v1/instruments", limt=3).status for _ in range(2)] == [422] * 2


def test_a_body_is_read_each_time(read: list[str]) -> None:
    first, second = compute(limit=3), compute(limit=4)
    assert [len(each.json["time"]) for each in (first, second)] == [3, 4]
    assert len(read) == 2


def test_repeated_names_are_distinguished_from_one_with_a_comma(read: list[str]) -> None:
    both = get("/api/v1/coverage", from_="2013-10-07", to="2013-10-08", instrument_key=[SHARE, COIN])
    joined = get("/api/v1/coverage", from_="2013-10-07", to="2013-10-08", instrument_key=f"{SHARE},{COIN}")
    assert (both.status, joined.status, len(read)) == (200, 200, 2)
    again = get("/api/v1/coverage", from_="2013-10-07", to="2013-10-08", instrument_key=[SHARE, COIN])
    assert (again.text, len(read)) == (both.text, 2)


def test_hit_and_miss_differ_in_the_word_alone() -> None:
    miss, hit = compute(limit=7), compute(limit=7)
    assert (miss.headers["X-Cache"], hit.headers["X-Cache"]) == ("miss", "hit")
    assert miss.text.replace('"cache":"miss"', '"cache":"hit"') == hit.text
    from functions.http_api.compute import Computed

    # As the model writes it as a whole.
    assert Computed.model_validate_json(miss.text).model_dump_json() == miss.text
