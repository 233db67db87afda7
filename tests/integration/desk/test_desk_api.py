"""The routes of users: create, read, change, delete; each user alone with what is his."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg import Connection

from chandlery.desk.domain.routes import BEFORE, ROUTES, Route
from functions import desk_api
from functions.http_api.application import app
from local.command_line.functions import LocalContext
from local.http_server import DESK, FUNCTION, event_of, function_of, let_in
from tests.integration.desk.desk_scene import KEY, live, market_of
from tests.integration.desk.desk_scene import at as moment

ARN = "arn:aws:sts::123456789012:assumed-role/desk/carl"
LEVEL = "0.1234567890123456789"
# What a caller may write himself, and nobody believes.
FORGED = {
    "authorization": "Bearer anna", "x_user": "anna", "x_user_id": "anna", "x_forwarded_user": "anna",
    "x_amzn_oidc_identity": "anna", "x_amzn_iam_user_arn": "anna", "x_amz_security_token": "anna", "cookie": "sub=anna",
    "x_http_method_override": "DELETE",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


Ask = Callable[..., Answer]


@pytest.fixture
def ask(connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    market_of(connection, KEY, "X@B@EQ")
    monkeypatch.setenv("DATABASE_URL", database_url)

    def asked(
        method: str,
        path: str,
        said: object = None,
        *,
        user: str | None = "anna",
        authorizer: Any = None,
        **headers: str,
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        body = said if isinstance(said, bytes) else json.dumps(said).encode() if said is not None else b""
        event = event_of(method, f"/api/v1{path}", {"content-type": "application/json"} | sent, body)
        event["requestContext"]["timeEpoch"] = moment("14:29").timestamp() * 1000
        if authorizer is not None:
            event["requestContext"]["authorizer"] = authorizer
        elif user is not None:
            event = let_in(event, user)
        answered = desk_api.handler(event, LocalContext("desk_api", 29))
        answer = Answer(answered["statusCode"], answered["headers"], answered["body"])
        if answer.status >= 400:
            told = answer.json
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert (told["status"], told["request_id"]) == (answer.status, answer.headers["X-Request-Id"])
            assert not [word for word in ("SELECT", "market.", "psycopg", "chandlery ") if word in answer.text]
        return answer

    desk_api.SANDBOX.close()
    yield asked
    desk_api.SANDBOX.close()


def test_a_watchlist_is_made_read_changed_and_deleted(ask: Ask) -> None:
    made = ask("POST", "/watchlists", {"name": "Morning", "colour": "#1f77b4", "is_default": True})
    assert (made.status, made.headers["Location"], made.headers["ETag"]) == (201, "/api/v1/watchlists/1", '"0"')
    assert ask("POST", "/watchlists", {"name": "Morning"}).status == 409
    assert ask("GET", "/watchlists/1").json == made.json
    assert ask("GET", "/watchlists/1", if_none_match='"0"').status == 304
    other = ask("POST", "/watchlists", {"name": "Evening", "is_default": True}).json
    assert [(each["name"], each["is_default"]) for each in ask("GET", "/watchlists").json["watchlists"]] == [
        ("Evening", True), ("Morning", False),
    ]  # fmt: skip
    path = f"/watchlists/{other['watchlist_id']}"
    assert ask("PATCH", path, {"name": "Morning"}).status == 409
    changed = ask("PATCH", path, {"name": "Night", "icon": "moon"}, if_match='"0"')
    assert (changed.status, changed.json["name"], changed.headers["ETag"]) == (200, "Night", '"1"')
    assert ask("PATCH", path, {"icon": None}, if_match='"1"').json["icon"] is None
    assert ask("DELETE", path, if_match='"1"').status == 412
    assert ask("DELETE", path, if_match='"2"').status == 204
    assert ask("GET", path).status == 404


def test_a_change_of_what_was_changed_meanwhile_is_refused(ask: Ask) -> None:
    ask("POST", "/watchlists", {"name": "Mine"})
    assert ask("PATCH", "/watchlists/1", {"name": "First"}, if_match='"0"').status == 200
    for tags in ('"0"', 'W/"1"', '"a"', '"0", "1"', '""'):
        assert ask("PATCH", "/watchlists/1", {"name": "Second"}, if_match=tags).status == 412, tags
    assert ask("GET", "/watchlists/1").json["name"] == "First"
    assert ask("PATCH", "/watchlists/1", {"name": "Second"}, if_match="*").status == 200
    assert ask("PATCH", "/watchlists/9", {"name": "Second"}, if_match='"0"').status == 404


def test_items_are_in_order_and_their_levels_are_alerts(ask: Ask, connection: Connection) -> None:
    ask("POST", "/watchlists", {"name": "Mine"})
    made = ask(
        "POST", "/watchlists/1/items", {"instrument_key": KEY, "price_alert_high": 100, "price_alert_low": "90.5"}
    )
    assert (made.status, made.headers["Location"]) == (201, "/api/v1/watchlists/1/items/1")
    assert ask("POST", "/watchlists/1/items", {"instrument_key": KEY}).status == 409
    assert ask("POST", "/watchlists/1/items", {"instrument_key": "X@NO@EQ"}).status == 404
    ask("POST", "/watchlists/1/items", {"instrument_key": "X@B@EQ", "position": 0})
    items = ask("GET", "/watchlists/1/items").json["items"]
    assert [(each["instrument_key"], each["position"]) for each in items] == [(KEY, 0), ("X@B@EQ", 0)]

    def levels() -> list[tuple[str, float, str]]:
        return [(each["side"], each["level"], each["state"]) for each in ask("GET", "/alerts").json["alerts"]]

    assert levels() == [("high", 100, "armed"), ("low", 90.5, "armed")]
    live(connection, moment("14:30"), "99", "99 101 99 99")
    assert levels()[0] == ("high", 100, "fired")
    assert ask("PATCH", "/watchlists/1/items/1", {"notes": "fired"}).status == 200
    assert levels()[0] == ("high", 100, "fired")
    assert ask("PATCH", "/watchlists/1/items/1", {"price_alert_high": 105, "price_alert_low": None}).status == 200
    assert levels() == [("high", 105, "armed")]
    assert ask("PATCH", "/watchlists/1/items/1", {"price_alert_low": 105}).status == 422
    # An item's level is changed there, and its alert armed again here.
    assert ask("PATCH", "/alerts/1", {"level": 1}).status == 422
    assert ask("DELETE", "/alerts/1").status == 422
    assert ask("PATCH", "/alerts/1", {"state": "armed", "is_recurring": True}).status == 200
    assert ask("DELETE", "/watchlists/1/items/1").status == 204
    assert levels() == []


def test_alerts_are_armed_found_changed_and_deleted(ask: Ask, connection: Connection) -> None:
    made = ask("POST", "/alerts", {"instrument_key": KEY, "side": "high", "level": LEVEL, "note": "up"})
    assert (made.status, made.headers["Location"]) == (201, "/api/v1/alerts/1")
    assert f'"level":{LEVEL},' in made.text
    ask(
        "POST",
        "/alerts",
        b'{"instrument_key":"X@B@EQ","side":"low","level":0.12345678901234567890,"is_recurring":true}',
    )
    assert '"level":0.12345678901234567890,' in ask("GET", "/alerts/2").text
    for query, found in {
        "": [1, 2], "?instrument_key=X%40B%40EQ": [2], "?state=fired": [], "?after=1": [2], "?limit=1": [1],
    }.items():  # fmt: skip
        assert [each["alert_id"] for each in ask("GET", f"/alerts{query}").json["alerts"]] == found, query
    live(connection, moment("14:30"), "0", "0 1 0 0")
    assert ask("GET", "/alerts/1").headers["ETag"] == '"1"'
    (firing,) = ask("GET", "/alerts/1/firings").json["firings"]
    assert (firing["minute"], firing["price"], firing["is_late"]) == ("2026-03-02T14:31:00Z", 1, False)
    assert ask("PATCH", "/alerts/1", {"state": "armed"}, if_match='"0"').status == 412
    armed = ask(
        "PATCH", "/alerts/1", {"state": "armed", "expires_at": "2026-03-03T00:00:00+01:00"}, if_match='"1"'
    ).json
    assert (armed["state"], armed["expires_at"], armed["fired_minute"]) == (
        "armed", "2026-03-02T23:00:00Z", "2026-03-02T14:31:00Z",
    )  # fmt: skip
    assert ask("DELETE", "/alerts/1").status == 204
    assert ask("GET", "/alerts/1/firings").status == 404


def test_nobody_comes_to_what_is_anothers(ask: Ask, connection: Connection) -> None:
    """By no number, no list, no body, no revision, and no header that he writes himself."""
    ask("POST", "/watchlists", {"name": "Anna's"})
    ask("POST", "/watchlists/1/items", {"instrument_key": KEY, "price_alert_high": 5})
    ask("POST", "/alerts", {"instrument_key": KEY, "side": "low", "level": 1})
    before = [ask("GET", path).text for path in ("/watchlists", "/watchlists/1/items", "/alerts")]
    # Ben has things of his own, of other numbers.
    ask("POST", "/watchlists", {"name": "Ben's"}, user="ben")
    bodies = {
        "add_item": {"instrument_key": "X@B@EQ"},
        "change_watchlist": {"name": "x"},
        "change_item": {"notes": "x"},
        "change_alert": {"note": "x"},
    }
    for route in ROUTES:
        if "{" not in route.path:
            continue
        for forged in ({}, FORGED, {"if_match": '"0"'}, {"if_match": "*"}, {"if_none_match": '"0"'}):
            answers = [
                ask(route.method, _path(route, *numbers), bodies.get(route.name), user="ben", **forged)
                for numbers in ((1, 1, 2), (901, 901, 902))
            ]
            # Another user's things answer like missing ones, but for the numbers that he gave.
            texts = [
                {**answer.json, "request_id": "", "detail": re.sub(r"[0-9]+", "N", answer.json["detail"])}
                for answer in answers
            ]
            assert texts[0] == texts[1], (route.name, texts)
            assert [answer.status for answer in answers] == [404, 404], (route.name, texts)
            assert answers[0].headers.keys() == answers[1].headers.keys()
    # His list does not lead to her item either.
    for method in ("GET", "PATCH", "DELETE"):
        assert ask(method, "/watchlists/2/items/1", {"notes": "x"}, user="ben").status == 404
    assert [each["name"] for each in ask("GET", "/watchlists", user="ben").json["watchlists"]] == ["Ben's"]
    assert ask("GET", "/alerts", user="ben").json == {"alerts": []}
    assert ask("GET", "/alerts?after=0&limit=1000", user="ben").json == {"alerts": []}
    assert [ask("GET", path).text for path in ("/watchlists", "/watchlists/1/items", "/alerts")] == before


def _path(route: Route, watchlist: int, item: int, alert: int) -> str:
    return route.path.format(watchlist_id=watchlist, item_id=item, alert_id=alert)


def test_no_body_or_query_says_whose_something_is_or_what_the_desk_alone_says(ask: Ask, connection: Connection) -> None:
    ask("POST", "/watchlists", {"name": "Mine"}, user="ben")
    ask("POST", "/watchlists/1/items", {"instrument_key": KEY, "price_alert_high": 5}, user="ben")
    before = [ask("GET", path, user="ben").text for path in ("/me", "/watchlists", "/watchlists/1/items", "/alerts")]
    bodies: dict[str, dict[str, Any]] = {
        "add_watchlist": {"name": "x"},
        "add_item": {"instrument_key": "X@B@EQ"},
        "add_alert": {"instrument_key": KEY, "side": "low", "level": 1},
    }
    fields = (
        "user_id", "sub", "revision", "is_new", "armed_at", "created_at", "is_admin", "is_active", "user", "__proto__",
        "watchlist_id", "item_id", "alert_id", "instrument_id",
    )  # fmt: skip
    for route in ROUTES:
        for field in fields if route.asks else ():
            said = {**bodies.get(route.name, {}), field: "anna"}
            answer = ask(route.method, _path(route, 1, 1, 1), said, user="ben")
            assert (answer.status, answer.json["errors"][0]["field"]) == (422, field), route.name
        for field in ("user", "user_id", "sub") if route.method == "GET" else ():
            answer = ask("GET", f"{_path(route, 1, 1, 1)}?{field}=anna", user="ben")
            assert (answer.status, answer.json["errors"][0]["field"]) == (422, field), route.name
    assert ask("GET", "/me", user="ben").json["is_admin"] is False
    after = [ask("GET", path, user="ben").text for path in ("/me", "/watchlists", "/watchlists/1/items", "/alerts")]
    assert after == before
    assert connection.execute("SELECT DISTINCT user_id FROM market.alerts").fetchall() == [("ben",)]


PATHS = (
    "/watchlists/2/../1", "/watchlists/./1", "/watchlists/2%2f..%2f1", "/watchlists/%31", "/watchlists//1",
    "/watchlists/1;2", "/watchlists/1,2", "/watchlists/-1", "/watchlists/1e0", "/watchlists/0x1", "/watchlists/\uff11",
    "/watchlists/1%00", "/watchlists/1\n", "/watchlists/1 OR 1=1", "/watchlists/*", "/watchlists/1/items/../../1",
    "/users/anna", "/me/anna", "/alerts/1/../2", "/../v1/watchlists/1", "/watchlists/1/", "/watchlists/01",
)  # fmt: skip


def test_no_path_leads_to_what_is_anothers(ask: Ask) -> None:
    ask("POST", "/watchlists", {"name": "Anna's"})
    ask("POST", "/alerts", {"instrument_key": KEY, "side": "low", "level": 1})
    assert {ask("GET", path).status for path in PATHS} == {200, 404}
    assert {path for path in PATHS if ask("GET", path, user="ben").status != 404} == set()


_CARL = {"sub": "7f3c", "preferred_username": "carl", "email": "carl@example.com"}


def test_a_user_is_whom_api_gateway_names(ask: Ask) -> None:
    ask("POST", "/watchlists", {"name": "Anna's"})
    named: list[tuple[Any, str]] = [({"jwt": {"claims": {"sub": each}}}, each) for each in ("7f3c", *ALIKE)]
    # Names that nobody can keep are not kept.
    named.append(({"jwt": {"claims": {**_CARL, "username": ["carl"], "email": {"x": 1}}}}, "7f3c"))
    named.append(({"iam": {"userArn": ARN}}, ARN))
    for authorizer, user in named:
        assert ask("GET", "/me", authorizer=authorizer, **FORGED).json["user_id"] == user
        assert ask("GET", "/watchlists", authorizer=authorizer, **FORGED).json == {"watchlists": []}
    carl = ask("GET", "/me", authorizer={"jwt": {"claims": _CARL}}).json
    assert (carl["username"], carl["email"], carl["is_admin"]) == ("carl", "carl@example.com", False)


# They look alike, and differ.
ALIKE = ("Anna", "anna ", "\uff41nna", "ann\u0430", "a\u0301nna")
NO_SUBJECTS = (["anna"], {"sub": "anna"}, 7, 0, True, None, "", " ", "a\0nna", "\ud800", "a" * 2049)
NOBODY: Sequence[Any] = (
    *({"jwt": {"claims": {"sub": wrong}}} for wrong in NO_SUBJECTS),
    *({"iam": {"userArn": wrong}} for wrong in NO_SUBJECTS),
    *({"jwt": {"claims": {wrong: "anna"}}} for wrong in ("Sub", "SUB", "sub ", "username", "email", "client_id")),
    {"jwt": {"sub": "anna", "claims": {"custom": {"sub": "anna"}}}},
    {"jwt": {"claims": [["sub", "anna"]]}},
    # A token that says nothing is not what a signature says.
    {"jwt": {"claims": "anna"}, "iam": {"userArn": ARN}},
    {"jwt": None, "iam": {"userArn": ARN}},
    {"jwt": ["anna"]}, {"claims": {"sub": "anna"}}, {"lambda": {"sub": "anna"}}, {"iam": {"userId": "anna"}},
    {}, [], "anna",
)  # fmt: skip


def test_whom_nobody_names_is_refused(ask: Ask) -> None:
    for authorizer in NOBODY:
        assert ask("GET", "/me", authorizer=authorizer, **FORGED).status == 401, authorizer


def test_nobody_is_let_in_without_an_authorizer(ask: Ask) -> None:
    assert {
        ask(route.method, "/watchlists", {"name": "x"}, user=None).status
        for route in ROUTES
        if route.path == "/watchlists"
    } == {401}


def test_who_was_switched_off_gets_nothing(ask: Ask, connection: Connection) -> None:
    assert ask("GET", "/me").status == 200
    connection.execute("UPDATE market.users SET is_active = false")
    assert ask("GET", "/me").status == 403


@pytest.mark.parametrize(
    ("said", "status", "field"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"\xff", 400, None),
        (b'{"name": NaN}', 400, None),
        (b'{"name": 1e99999999999999999999}', 400, None),
        (b"[" * 100_001, 413, None),
        (b"[" * 50_000, 400, None),
        (b'{"name": "\\ud800"}', 400, None),
        ([], 422, "body"),
        ({}, 422, "name"),
        ({"name": 5}, 422, "name"),
        ({"name": " "}, 422, "name"),
        ({"name": None}, 422, "name"),
        ({"name": "x" * 101}, 422, "name"),
        ({"name": "a\0"}, 422, "name"),
        ({"name": "x", "colour": "red"}, 422, "colour"),
        ({"name": "x", "is_default": 1}, 422, "is_default"),
        ({"name": "x", "more": 1}, 422, "more"),
    ],
)
def test_what_is_wrong_is_named(ask: Ask, said: Any, status: int, field: str | None) -> None:
    answer = ask("POST", "/watchlists", said)
    assert answer.status == status
    assert [each["field"] for each in answer.json.get("errors", [])] == ([field] if field else [])


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"level": "NaN"}, "level"),
        ({"level": "1e999999999"}, "level"),
        ({"level": True}, "level"),
        ({"level": None}, "level"),
        ({"side": "up"}, "side"),
        ({"state": "fired"}, "state"),
        ({"state": None}, "state"),
        ({"instrument_key": "X@B@EQ"}, "instrument_key"),
        ({"expires_at": "2026-03-02T14:00:00"}, "expires_at"),
        ({"expires_at": "2026-03-02T14:00:00Z"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ({"is_recurring": None}, "is_recurring"),
        ({}, "body"),
    ],
)
def test_a_change_of_an_alert_is_checked(ask: Ask, said: Any, field: str) -> None:
    ask("POST", "/alerts", {"instrument_key": KEY, "side": "high", "level": 1})
    answer = ask("PATCH", "/alerts/1", said)
    assert (answer.status, [each["field"] for each in answer.json["errors"]]) == (422, [field])


def test_paths_and_methods_that_are_not_there(ask: Ask) -> None:
    assert ask("GET", "/watchlists/x").status == 404
    assert ask("GET", "/watchlists/9999999999999999999").status == 404
    wrong = ask("PATCH", "/watchlists", {"name": "x"})
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, POST")
    assert ask("POST", "/watchlists", b"name=x", content_type="application/x-www-form-urlencoded").status == 415
    assert ask("GET", "/alerts?color=red").status == 422


def test_the_document_describes_each_route_and_its_fields() -> None:
    document = json.loads(app.get_openapi_json_schema())
    for route in ROUTES:
        operation = document["paths"][BEFORE + route.path][route.method.lower()]
        assert operation["operationId"] == route.name
        if route.asks:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            is_new = route.method == "POST"
            assert list(schema["properties"]) == [each.name for each in route.asks if is_new or not each.is_fixed]
    alert = document["components"]["schemas"]["DeskAlert"]["properties"]
    assert alert["state"]["enum"] == ["armed", "fired", "expired"]


def test_the_local_stack_leads_requests_as_the_template_does() -> None:
    def of(method: str, path: str) -> str:
        return function_of(event_of(method, path, {}, b""))

    assert {
        of(route.method, BEFORE + route.path.replace("{", "").replace("}", ""))
        for route in ROUTES
        if "{" not in route.path
    } == {DESK}
    assert of("PATCH", "/api/v1/watchlists/1/items/2") == of("DELETE", "/api/v1/alerts/1") == DESK
    assert of("PUT", "/api/v1/alerts") == of("GET", "/api/v1/candles/X") == FUNCTION
    assert of("POST", "/api/v1/ticks") == "record_api"
