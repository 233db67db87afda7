"""The OpenAPI document against the running stack: schemathesis asks what the document allows, and what it does not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from chandlery.indicators.numerics.catalogue import ParameterInfo, catalogue
from chandlery.platform.connection import connect
from chandlery.platform.settings import Settings
from functions.http_api.application import app
from local.http_server import serving
from tests.conftest import SERVER_URL, empty
from tests.integration.api_scene import COIN, SHARE, set_scene
from tests.waiting import LAST_RESORT_SECONDS


@pytest.fixture(scope="module")
def address(migrated_url: str) -> Iterator[str]:
    with connect(Settings(database_url=migrated_url), "test") as connection:
        empty(connection)
        set_scene(connection, datetime.now(UTC))
    told = os.environ | {"DATABASE_URL": migrated_url, "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
    with serving(0, 2, told | {"POWERTOOLS_METRICS_DISABLED": "true"}) as address:
        yield address


@pytest.fixture(scope="module")
def document(address: str) -> Any:
    with urlopen(f"{address}/docs?format=json") as answer:  # noqa: S310  # our own
        return json.load(answer)


@pytest.fixture(scope="module")
def own() -> Any:
    """The document as the stack serves it, but for where: no stack is started for what it says."""
    return json.loads(app.get_openapi_json_schema())


@dataclass(frozen=True)
class Run:
    """What schemathesis did."""

    cases: int
    accepted: int
    report: Any
    said: str


# On the embedded database fewer: each takes it some milliseconds of the one thread it has.
EXAMPLES = "120" if SERVER_URL else "15"


def run(document: Any, address: str, folder: Path, *others: str) -> Run:
    """Ask about every route."""
    (folder / "openapi.json").write_text(json.dumps(document))
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run", "openapi.json", "--url", address,
        "--checks", "all", "--generation-deterministic", "--generation-allow-x00", "true", "--no-shrink",
        "--continue-on-failure", "--request-timeout", str(LAST_RESORT_SECONDS), *others,
        "--report", "json", "--report-json-path", "report.json",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ""})
    report = json.loads((folder / "report.json").read_text())
    rates = [rate for phases in report["valid_rates"].values() for rate in phases.values()]
    return Run(report["test_cases"]["generated"], sum(rate["accepted"] for rate in rates), report, done.stdout)


@pytest.mark.long
def test_the_document_is_valid(document: Any, own: Any) -> None:
    import schemathesis

    schemathesis.openapi.from_dict(document).validate()
    assert {**document, "servers": []} == {**own, "servers": []}


def test_every_operation_has_a_summary_and_responses(own: Any) -> None:
    assert own["openapi"] == "3.1.0"
    for item in own["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert operation["responses"]


def test_the_document_describes_every_indicator(own: Any) -> None:
    names = own["components"]["schemas"]["IndicatorRequest"]["properties"]["name"]["enum"]
    assert names == list(catalogue())
    description = own["paths"]["/api/v1/compute"]["post"]["description"]
    for info in catalogue().values():
        (row,) = (line for line in description.splitlines() if line.startswith(f"| `{info.name}` |"))
        assert all(f"`{parameter.name}`" in row for parameter in info.parameters)
        assert all(output in row for output in info.outputs)


@pytest.mark.long
def test_whatever_is_asked_is_answered_as_documented(document: Any, address: str, tmp_path: Path) -> None:
    """By the document as it is: mostly what is not there, or wrong.

    from and to, and a cursor, are right or wrong together with others, which JSON Schema cannot say: so what it allows
    may be refused.
    """
    done = run(document, address, tmp_path, "--max-examples", EXAMPLES, "--exclude-checks", "positive_data_acceptance")
    print(f"{done.cases:,} cases, {done.accepted:,} of them answered with what was asked for")
    assert done.report["failures"] == [], done.said
    assert done.report["errors"] == [], done.said
    operations = sum(len(item) for item in document["paths"].values())
    assert done.report["operations"]["tested"] == done.report["operations"]["total"] == operations
    assert done.cases > 500


@pytest.mark.long
def test_what_is_there_is_answered_as_documented(document: Any, address: str, tmp_path: Path) -> None:
    """By a narrower document, of what is there and makes sense: nothing of it is refused."""
    done = run(
        narrowed(document), address, tmp_path, "--max-examples", EXAMPLES, "--mode", "positive", "--phases", "fuzzing"
    )
    print(f"{done.cases:,} cases, {done.accepted:,} of them answered with what was asked for")
    assert done.report["failures"] == [], done.said
    assert done.report["errors"] == [], done.said
    assert done.accepted > 80


# There is little or nothing of these.
NARROWING = {"cursor", "names", "feed", "calendar", "prefix", "reason", "contract", "source", "venue"}


def takes_rows(item: Any) -> bool:
    """Whether rows are posted there: of these the document says no more than that they are lines."""
    return "records" in item.get("post", {}).get("tags", ())


def narrowed(document: Any) -> Any:
    """Stored instruments, times at which they have candles, indicators with parameters within their bounds."""
    told = json.loads(json.dumps(document))
    told["paths"] = {path: item for path, item in told["paths"].items() if not takes_rows(item)}
    keys = {"type": "string", "enum": [SHARE, COIN]}
    starts = {"type": "string", "enum": ["2013-10-07T13:30:00Z", "2013-10-09T00:00:00-04:00"]}
    ends = {"type": "string", "enum": ["2013-10-10T00:00:00Z", "2013-10-12T00:00:00Z"]}
    by_name: dict[str, Any] = {"instrument_key": keys, "from": starts, "to": ends}
    # Each of these goes with some of the others alone.
    by_name |= {"session": {"type": "string", "enum": ["all"]}, "align": {"type": "string", "enum": ["clock"]}}
    of_options: dict[str, Any] = {"at": starts, "expires_at": ends, "symbol": keys, "instrument_keys": keys}
    of_options |= {
        "rank": {"type": "integer", "minimum": -9, "maximum": 9},
        "near": {"type": "integer", "minimum": 1, "maximum": 99},
    }
    of_options |= {
        "expiry": {"type": "string", "enum": ["2013-10-18"]},
        "strike": {"type": "integer", "minimum": 1, "maximum": 9_999},
    }
    of_options["field"] = {"type": "string", "enum": ["call_iv", "put_oi"]}
    for path, item in told["paths"].items():
        for operation in item.values():
            kept = []
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in NARROWING:
                    continue
                narrow = (by_name | of_options).get(parameter["name"])
                if "coverage" in path and parameter["name"] in ("from", "to"):
                    # With the one alone it reaches up to now, or as far back as it may.
                    parameter = {**parameter, "required": True}
                if narrow is not None and "coverage" in path and parameter["name"] != "instrument_key":
                    narrow = {"type": "string", "enum": [text[:10] for text in narrow["enum"]]}
                if narrow is not None:
                    several = parameter["schema"].get("type") == "array" or any(
                        each.get("type") == "array" for each in parameter["schema"].get("anyOf", ())
                    )
                    narrow = {"type": "array", "items": narrow, "maxItems": 2} if several else narrow
                    parameter = {**parameter, "schema": narrow}
                if parameter["name"] == "timeframe":
                    # auto is chosen by what is between from and to.
                    named = [each for each in parameter["schema"]["enum"] if each != "auto"]
                    parameter = {**parameter, "schema": {"type": "string", "enum": named}}
                if parameter["name"] == "limit":
                    most = parameter["schema"].get("maximum", 10_000)
                    parameter = {**parameter, "schema": {"type": "integer", "minimum": 1, "maximum": most}}
                kept.append(parameter)
            operation["parameters"] = kept
    schemas = told["components"]["schemas"]
    schemas["ComputeRequest"]["properties"] |= by_name | {"limit": {"type": "integer", "minimum": 1, "maximum": 300}}
    schemas["ComputeRequest"]["properties"]["indicators"]["maxItems"] = 5
    schemas["IndicatorRequest"] = {
        "anyOf": [
            {
                "type": "object",
                "properties": {
                    "name": {"const": info.name},
                    "parameters": {
                        "type": "object",
                        "properties": {each.name: allowed(each) for each in info.parameters},
                        "required": [each.name for each in info.parameters if each.default is None],
                        "additionalProperties": False,
                    },
                },
                "required": ["name", "parameters"],
                "additionalProperties": False,
            }
            for info in catalogue().values()
        ]
    }
    return told


def allowed(parameter: ParameterInfo) -> Any:
    """What may be given for a parameter, and can be computed with the candles there are."""
    if parameter.kind == "choice":
        return {"enum": list(parameter.choices)}
    if parameter.kind == "datetime":
        return {"enum": ["2013-10-07T10:00:00", "2013-10-08T14:00:00Z"]}
    assert parameter.minimum is not None
    assert parameter.maximum is not None
    # mavp's least period must not be beyond its greatest.
    least, most = {"minperiod": (2, 20), "maxperiod": (20, 60)}.get(parameter.name, (parameter.minimum, 60))
    return {
        "type": "integer" if parameter.kind == "integer" else "number",
        "minimum": least,
        "maximum": min(parameter.maximum, max(least, most)),
    }
