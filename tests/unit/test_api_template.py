"""The HTTP API as `template.yaml` deploys it: who may call it, how much, and what it may do itself."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from chandlery.desk.domain.routes import BEFORE, ROUTES
from tests.unit.test_template import (
    NO_VENDOR,
    TEMPLATE,
    decide,
    deployed,
    holds,
    of_type,
    transformed,
)

__all__ = ["deployed", "transformed"]

# Anybody may ask for these: they hold no data.
OPEN = {"GET /health": "NONE", "GET /": "NONE", "GET /page/{proxy+}": "NONE"}
TOKENS = {"ApiJwtIssuer": "https://issuer.example", "ApiJwtAudience": "desk"}


def routes(deployed: dict[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Who may call which route, if the stack is given these parameters."""
    there = {
        name
        for name, each in deployed.items()
        if "Condition" not in each or holds(TEMPLATE["Conditions"][each["Condition"]], given)
    }
    return {
        each["RouteKey"]: decide(each["AuthorizationType"], given)
        for name, each in of_type(deployed, "AWS::ApiGatewayV2::Route").items()
        if name in there
    }


@pytest.mark.parametrize(("given", "kind"), [({}, "AWS_IAM"), (TOKENS, "JWT")], ids=["default", "tokens"])
def test_nobody_calls_without_authorisation_but_for_health_and_the_page(
    deployed: dict[str, Any], given: dict[str, str], kind: str
) -> None:
    assert routes(deployed, NO_VENDOR | given) == {"$default": kind, **OPEN}
    authorizer = decide(deployed["ApiDefaultRoute"]["Properties"], NO_VENDOR | given).get("AuthorizerId")
    assert authorizer == ({"Ref": "ApiAuthorizer"} if kind == "JWT" else None)
    assert deployed["ApiAuthorizer"]["Condition"] == "ApiTakesTokens"


def test_browsers_may_ask_ahead_where_their_origin_is_named(deployed: dict[str, Any]) -> None:
    given = NO_VENDOR | {"ApiCorsOrigins": "https://desk.example"}
    assert routes(deployed, given) == {"$default": "AWS_IAM", **OPEN, "OPTIONS /{proxy+}": "NONE"}


def test_an_issuer_has_an_audience(transformed: dict[str, Any]) -> None:
    assertion = transformed["Rules"]["TokensHaveAnAudience"]
    assert holds(assertion["RuleCondition"], NO_VENDOR | TOKENS)
    assert not holds(assertion["RuleCondition"], NO_VENDOR)
    check = assertion["Assertions"][0]["Assert"]
    assert holds(check, NO_VENDOR | TOKENS)
    assert not holds(check, NO_VENDOR | {"ApiJwtIssuer": "https://issuer.example"})


def test_calls_are_throttled_and_logged(deployed: dict[str, Any]) -> None:
    stage = deployed["ApiStage"]["Properties"]
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": {"Ref": "ApiRequestsPerSecond"},
        "ThrottlingBurstLimit": {"Ref": "ApiBurst"},
    }
    # What anybody may ask does not use up what callers with a token have.
    assert stage["RouteSettings"].keys() == OPEN.keys()
    for limits in stage["RouteSettings"].values():
        for name, limit in limits.items():
            assert 0 < limit < TEMPLATE["Parameters"][stage["DefaultRouteSettings"][name]["Ref"]]["Default"]
    assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["ApiLogs", "Arn"]}
    assert TEMPLATE["Parameters"]["ApiRequestsPerSecond"]["Default"] > 0


def test_the_access_log_says_who_called(deployed: dict[str, Any]) -> None:
    line = json.loads(deployed["ApiStage"]["Properties"]["AccessLogSettings"]["Format"])
    assert line["source"] == "$context.identity.sourceIp"
    assert (line["caller"], line["subject"]) == ("$context.identity.userArn", "$context.authorizer.claims.sub")


def test_rows_are_posted_where_that_is_switched_on(deployed: dict[str, Any]) -> None:
    given = NO_VENDOR | {"ApiTakesRecords": "true"}
    assert routes(deployed, given) == {
        "$default": "AWS_IAM",
        **OPEN,
        "POST /api/v1/{data_set}": "AWS_IAM",
        "POST /api/v1/compute": "AWS_IAM",
    }
    assert deployed["ApiRecordRoute"]["Properties"]["Target"] == {"Fn::Sub": "integrations/${ApiRecordIntegration}"}
    integration = deployed["ApiRecordIntegration"]["Properties"]
    assert integration["IntegrationUri"] == {"Ref": "RecordApiAliaslive"}
    assert deployed["ApiRecordPermission"]["Properties"]["FunctionName"] == {"Ref": "RecordApiAliaslive"}
    function = deployed["RecordApi"]["Properties"]
    assert function["Timeout"] * 1000 < integration["TimeoutInMillis"]
    assert decide(function, given)["ReservedConcurrentExecutions"] == {"Ref": "RecordApiConcurrency"}


def test_users_have_routes_where_their_login_is_named(deployed: dict[str, Any]) -> None:
    """Each that the function serves, and no other."""
    given = NO_VENDOR | {"DeskSecretId": "desk-login"}
    added = routes(deployed, given).keys() - routes(deployed, NO_VENDOR).keys()
    first, rest = zip(*((each.path[1:].partition("/")[::2]) for each in ROUTES), strict=True)
    paths = (f"{BEFORE}/{name}" + ("/{proxy+}" if below else "") for name, below in zip(first, rest, strict=True))
    assert added == {f"{route.method} {path}" for route, path in zip(ROUTES, paths, strict=True)}
    assert {routes(deployed, given | TOKENS)[each] for each in added} == {"JWT"}
    for name, route in of_type(deployed, "AWS::ApiGatewayV2::Route").items():
        if name.startswith("ApiDesk"):
            assert route["Target"] == {"Fn::Sub": "integrations/${ApiDeskIntegration}"}
    assert deployed["ApiDeskIntegration"]["Properties"]["IntegrationUri"] == {"Ref": "DeskApiAliaslive"}
    assert deployed["ApiDeskPermission"]["Properties"]["FunctionName"] == {"Ref": "DeskApiAliaslive"}
    methods = set(deployed["Api"]["Properties"]["CorsConfiguration"]["Fn::If"][1]["AllowMethods"])
    assert {route.method for route in ROUTES} <= methods


def test_every_other_route_comes_to_the_function(deployed: dict[str, Any]) -> None:
    for name, route in of_type(deployed, "AWS::ApiGatewayV2::Route").items():
        if name != "ApiRecordRoute" and not name.startswith("ApiDesk"):
            assert route["Target"] == {"Fn::Sub": "integrations/${ApiIntegration}"}
    integration = deployed["ApiIntegration"]["Properties"]
    assert integration["IntegrationUri"] == {"Ref": "HttpApiAliaslive"}
    assert integration["PayloadFormatVersion"] == "2.0"
    assert deployed["ApiPermission"]["Properties"]["FunctionName"] == {"Ref": "HttpApiAliaslive"}


def test_the_function_ends_before_api_gateway_gives_up(deployed: dict[str, Any]) -> None:
    function = deployed["HttpApi"]["Properties"]
    assert function["Handler"] == "http_api.handler"
    assert function["Timeout"] * 1000 < deployed["ApiIntegration"]["Properties"]["TimeoutInMillis"]
    assert decide(function, {})["ReservedConcurrentExecutions"] == {"Ref": "ApiConcurrency"}


@pytest.mark.parametrize(
    ("given", "kind", "client"),
    [
        ({"PageClientId": "page"}, "signature", ""),
        (TOKENS | {"PageClientId": "page"}, "token", {"Ref": "PageClientId"}),
    ],
    ids=["iam", "tokens"],
)
def test_the_page_knows_how_callers_sign_in(
    deployed: dict[str, Any], given: dict[str, str], kind: str, client: object
) -> None:
    variables = decide(deployed["HttpApi"]["Properties"]["Environment"], NO_VENDOR | given)["Variables"]
    assert (variables["PAGE_SIGN_IN"], variables["PAGE_CLIENT_ID"]) == (kind, client)
    assert variables["PAGE_ISSUER"] == {"Ref": "ApiJwtIssuer"}
