"""Reading options: rows of a command and of its route, compared with each other."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote as quoted

import pytest
from typer.testing import CliRunner

from local.command_line import app
from tests.integration.api_scene import Answer, get, settings
from tests.integration.options.option_desk import UNDERLYING

Row = Mapping[str, Any]
Read = Callable[..., list[Row]]
Command = Callable[..., str]


@pytest.fixture(autouse=True)
def service(migrated_url: str) -> Iterator[None]:
    with settings(migrated_url):
        yield


@pytest.fixture
def command(migrated_url: str) -> Command:
    def run(*words: str, exit_code: int = 0) -> str:
        done = CliRunner().invoke(app, list(words), env={"DATABASE_URL": migrated_url})
        assert done.exit_code == exit_code, done.stderr
        return done.stdout if exit_code == 0 else f"{done.stderr}{done.exception}"

    return run


def options(route: str, key: str = UNDERLYING, **queries: Any) -> Answer:
    return get(f"/api/v1/options/{quoted(key, safe='@')}/{route}", **queries)


@pytest.fixture
def read(command: Command) -> Read:
    """Rows of a command as CSV, compared with those that the route answers."""

    def both(name: str, *arguments: str, key: str = UNDERLYING, rows: str = "strikes", **queries: Any) -> list[Row]:
        words = [word for asked, value in queries.items() for word in (f"--{asked.rstrip('_')}", str(value))]
        told: list[Row] = list(csv.DictReader(io.StringIO(command(name, key, *arguments, *words, "--csv"))))
        asked = dict(zip(["timeframe"], arguments, strict=False)) | queries
        answer = options(name, key, **asked)
        assert answer.status == 200, answer.text
        served = answer.json[rows]
        as_text = json.loads(options(name, key, **asked, numbers="text").text, parse_float=pytest.fail)[rows]
        exact = json.loads(answer.text, parse_float=Decimal)[rows]
        assert [{name: f"{value}" for name, value in row.items()} for row in exact] == [
            {name: f"{value}" for name, value in row.items()} for row in as_text
        ]
        assert [list(row) for row in served] == [list(row) for row in told]
        for row, other in zip(told, served, strict=True):
            for column, cell in row.items():
                assert_alike(cell, other[column], column)
        return told

    return both


def assert_alike(cell: str, value: object, column: str) -> None:
    if value is None or isinstance(value, str):
        assert cell == (value or ""), column
    else:
        assert float(cell) == value, column


def columns(rows: Sequence[Row], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]
