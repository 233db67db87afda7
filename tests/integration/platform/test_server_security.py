"""A server as production has it: TLS verified in full, and passwords that change beneath a running function."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from alembic import command
from aws_lambda_powertools.utilities import parameters
from moto import mock_aws

from chandlery.platform.connection import connect
from chandlery.platform.errors import LoginRefused, Permanent
from chandlery.platform.migrations import alembic_config
from chandlery.platform.settings import Settings
from functions.live_processor import handler
from local.command_line.functions import LocalContext
from tests.conftest import SECRET_MARKER
from tests.integration.api_scene import get
from tests.private_server import Authority, PrivateServer, cluster_folder, find_binaries, has_timescaledb

PASSWORD = f"{SECRET_MARKER}/first"
EVENT = {"scheduled_at": "2026-03-02T12:01:00Z"}


@pytest.fixture(scope="module")
def binaries() -> Path:
    found = find_binaries()
    if found is None:
        pytest.skip("needs PostgreSQL's server binaries: none by pg_config, on PATH, or under /usr/lib/postgresql")
    return found


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with cluster_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new("an authority for tests")


@pytest.fixture(scope="module")
def server(binaries: Path, folder: Path, authority: Authority) -> Iterator[PrivateServer]:
    with PrivateServer(folder / "tls", binaries, "superuser", authority) as server:
        server.run(f"CREATE ROLE desk LOGIN PASSWORD '{PASSWORD}'")
        yield server


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "DATABASE_SECRET_ID": "desk/database",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    parameters.clear_caches()  # type: ignore[no-untyped-call]
    with mock_aws():
        yield boto3.client("secretsmanager")
    parameters.clear_caches()  # type: ignore[no-untyped-call]


def secret(server: PrivateServer, **changes: object) -> str:
    """What the desk keeps in Secrets Manager."""
    told = {"host": "localhost", "port": server.port, "user": "desk", "password": PASSWORD, "dbname": "postgres"}
    return json.dumps(told | changes)


def open_with(secrets: Any, value: str) -> bool:
    """Connect as the secret says; whether TLS is on."""
    secrets.create_secret(Name="desk/database", SecretString=value)
    with connect(Settings(), "test") as connection:
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert row is not None
    return bool(row[0])


def test_the_right_authority_is_trusted(secrets: Any, server: PrivateServer, authority: Authority) -> None:
    assert open_with(secrets, secret(server, ca=authority.pem))


def refused(secrets: Any, value: str) -> str:
    """What is said about a server that cannot be trusted; never the password."""
    with pytest.raises(Permanent) as caught:
        open_with(secrets, value)
    assert SECRET_MARKER not in str(caught.value)
    assert type(caught.value) is Permanent
    return str(caught.value)


def test_another_authority_is_refused(secrets: Any, server: PrivateServer) -> None:
    said = refused(secrets, secret(server, ca=Authority.new("another").pem))
    assert "the database cannot be trusted: " in said
    assert "certificate verify failed" in said


def test_the_systems_authorities_do_not_know_a_private_one(secrets: Any, server: PrivateServer) -> None:
    assert "certificate verify failed" in refused(secrets, secret(server))


def test_another_host_name_is_refused(secrets: Any, server: PrivateServer, authority: Authority) -> None:
    said = refused(secrets, secret(server, ca=authority.pem, host="127.0.0.1"))
    assert "the database cannot be trusted: " in said
    assert 'does not match host name "127.0.0.1"' in said


def test_a_server_without_tls_is_refused(secrets: Any, binaries: Path, folder: Path, authority: Authority) -> None:
    with PrivateServer(folder / "plain", binaries, "superuser", None) as plain:
        plain.run(f"CREATE ROLE desk LOGIN PASSWORD '{PASSWORD}'")
        assert "does not support SSL" in refused(secrets, secret(plain, ca=authority.pem))
        # Unless the secret says that it may be.
        secrets.update_secret(SecretId="desk/database", SecretString=secret(plain, sslmode="disable"))
        parameters.clear_caches()  # type: ignore[no-untyped-call]
        with connect(Settings(), "test"):
            pass


def test_an_authority_that_is_already_written_is_compared_with_the_secret(
    secrets: Any, server: PrivateServer, authority: Authority
) -> None:
    value = secret(server, ca=authority.pem)
    assert open_with(secrets, value)
    (written,) = Path(tempfile.gettempdir()).glob("chandlery-ca-*.pem")
    written.write_text(Authority.new("somebody else's").pem)
    with connect(Settings(), "test"):
        pass
    assert written.read_text() == authority.pem


@pytest.fixture(scope="module")
def migrated(server: PrivateServer, binaries: Path) -> PrivateServer:
    if not has_timescaledb(binaries):
        pytest.skip("needs TimescaleDB for PostgreSQL's server binaries")
    server.run("CREATE DATABASE desk")
    command.upgrade(alembic_config(server.url("desk")), "head")
    server.run("CREATE ROLE clerk LOGIN IN ROLE chandlery_writer")
    return server


@pytest.fixture
def rotating(secrets: Any, migrated: PrivateServer, authority: Authority) -> Iterator["Rotating"]:
    handler.sandbox.close()
    rotating = Rotating(secrets, migrated, authority)
    rotating.change_password("one")
    secrets.create_secret(Name="desk/database", SecretString=rotating.value("one"))
    yield rotating
    handler.sandbox.close()


class Rotating:
    """A login whose password changes, and the secret that holds it."""

    def __init__(self, secrets: Any, server: PrivateServer, authority: Authority) -> None:
        self._secrets, self._server, self._authority = secrets, server, authority

    def value(self, word: str) -> str:
        return secret(
            self._server, user="clerk", password=f"{SECRET_MARKER}/{word}", dbname="desk", ca=self._authority.pem
        )

    def change_password(self, word: str) -> None:
        """On the server alone; its sessions are ended."""
        self._server.run(f"ALTER ROLE clerk PASSWORD '{SECRET_MARKER}/{word}'")
        self._server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk'")

    def change_secret(self, word: str) -> None:
        self._secrets.update_secret(SecretId="desk/database", SecretString=self.value(word))

    def runs(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._server.url("desk")) as connection:
            return connection.execute("SELECT status, error FROM market.runs ORDER BY recorded_at").fetchall()


def test_a_changed_password_is_survived_by_the_next_run(rotating: Rotating) -> None:
    handler(EVENT, LocalContext("live_processor", 50))
    rotating.change_password("two")
    rotating.change_secret("two")
    # The secret read a moment ago is still remembered, and no longer right.
    assert handler(EVENT | {"scheduled_at": "2026-03-02T12:02:00Z"}, LocalContext("live_processor", 50)) is not None
    assert {status for status, _ in rotating.runs()} == {"succeeded"}


def test_a_password_that_the_secret_does_not_know_yet_fails_one_run(rotating: Rotating) -> None:
    handler(EVENT, LocalContext("live_processor", 50))
    rotating.change_password("two")
    with pytest.raises(LoginRefused, match="refused the login") as caught:
        handler(EVENT, LocalContext("live_processor", 50))
    assert SECRET_MARKER not in str(caught.value)
    rotating.change_secret("two")
    handler(EVENT, LocalContext("live_processor", 50))


def test_the_http_api_survives_a_changed_password(rotating: Rotating) -> None:
    from functions.http_api.sandbox import SANDBOX

    SANDBOX.close()
    try:
        assert get("/api/v1/instruments").status == 200
        rotating.change_password("two")
        rotating.change_secret("two")
        assert get("/api/v1/instruments").status == 200
    finally:
        SANDBOX.close()


def test_the_server_demands_a_password(migrated: PrivateServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://clerk@127.0.0.1:{migrated.port}/desk")
