"""`chandlery db tune` next to a server: what it reads, what it prints, and how it ends."""

import json
import re

import psycopg
import pytest
from typer.testing import CliRunner

from local.command_line import app

ARGUMENTS = ["db", "tune", "--memory", "16GB", "--cores", "4", "--connections", "50"]


@pytest.fixture
def reached(server_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", server_url)
    return server_url


def test_what_a_server_has_is_shown_in_bytes_and_words(reached: str) -> None:
    told = {
        each["setting"]["name"]: each for each in json.loads(CliRunner().invoke(app, [*ARGUMENTS, "--json"]).stdout)
    }
    with psycopg.connect(reached) as connection:
        for name, each in told.items():
            if each["setting"]["is_size"]:
                query = "SELECT pg_size_bytes(current_setting(%s))"
                assert connection.execute(query, [name]).fetchone() == (int(each["found"]),), name
            else:
                assert connection.execute("SELECT current_setting(%s)", [name]).fetchone() == (each["found"],), name
    assert told["shared_preload_libraries"]["fits"]


def test_what_differs_is_printed_as_statements_that_the_server_takes(reached: str) -> None:
    # No server has the memory of this one.
    ended = CliRunner().invoke(app, ["db", "tune", "--memory", "24TB", "--cores", "4", "--connections", "50"])
    assert ended.exit_code == 1
    statements = re.findall(r"^ALTER SYSTEM SET (\S+) = (.*);$", ended.stdout, re.MULTILINE)
    assert "effective_cache_size" in dict(statements)
    assert "shared_buffers" in ended.stderr.partition("restart the server for: ")[2]
    with psycopg.connect(reached, autocommit=True) as connection:
        # As a session takes it: nothing of the server is changed. What needs a restart a session cannot try.
        for name, value in statements:
            if name in ("work_mem", "random_page_cost", "max_parallel_workers_per_gather"):
                connection.execute(f"SET {name} = {value}")


def test_without_a_server_the_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    ended = CliRunner().invoke(app, ARGUMENTS)
    assert ended.exit_code == 0
    assert "ALTER SYSTEM SET shared_buffers = '4GB';" in ended.stdout
    assert CliRunner().invoke(app, ["db", "tune", "--memory", "much"]).exit_code == 2
    assert CliRunner().invoke(app, ["db", "tune", "--memory", "1MB"]).exit_code == 2
