"""Secrets by AWS's extension, which answers on this machine; by the client of Secrets Manager where it does not."""

import json
from collections.abc import Iterator

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from moto import mock_aws

from chandlery.platform.database_server import connection_parameters
from chandlery.platform.errors import Permanent
from chandlery.platform.secrets import read_secret
from chandlery.platform.settings import Settings, read_settings
from tests.extension_server import TOKEN, ExtensionServer

DESK = "desk/database"
SECRET = json.dumps({"host": "db.desk", "user": "writer", "password": "s3cret-word", "dbname": "market"})


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield
    parameters.clear_caches()  # type: ignore[no-untyped-call]


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExtensionServer]:
    with ExtensionServer({DESK: SECRET}) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def test_the_extension_answers_and_the_client_is_not_asked(extension: ExtensionServer) -> None:
    # Secrets Manager has no such secret here: the client would say so.
    found = connection_parameters(Settings(database_secret_id=DESK))
    assert (found["host"], found["password"]) == ("db.desk", "s3cret-word")
    assert extension.requests == ["/secretsmanager/get?secretId=desk%2Fdatabase"]


def test_it_is_asked_again_while_it_is_not_ready(extension: ExtensionServer) -> None:
    extension.refusals = 3
    assert read_secret(read_settings(), DESK, "X") == SECRET
    assert len(extension.requests) == 4


def test_a_renewed_secret_is_not_the_one_it_remembers(extension: ExtensionServer) -> None:
    settings = read_settings()
    assert read_secret(settings, DESK, "X") == SECRET
    extension.secrets[DESK] = "changed"
    assert read_secret(settings, DESK, "X") == SECRET
    assert read_secret(settings, DESK, "X", renewed=True) == "changed"


def test_a_binary_secret_is_text(extension: ExtensionServer) -> None:
    extension.secrets["key"] = b"k3y-word"
    assert read_secret(read_settings(), "key", "X") == "k3y-word"


def test_the_client_is_asked_where_the_extension_refuses(
    extension: ExtensionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto3.client("secretsmanager").create_secret(Name=DESK, SecretString="of the client")
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"not {TOKEN}")
    assert read_secret(read_settings(), DESK, "X") == "of the client"
    assert len(extension.requests) == 1


def test_the_client_is_asked_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExtensionServer({}) as gone:
        environment = gone.environment
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    boto3.client("secretsmanager").create_secret(Name=DESK, SecretString="of the client")
    assert read_secret(read_settings(), DESK, "X") == "of the client"


def test_a_missing_secret_is_reported_by_the_client(extension: ExtensionServer) -> None:
    with pytest.raises(Permanent, match=r"nowhere cannot be read.*check DATABASE_SECRET_ID"):
        connection_parameters(Settings(database_secret_id="nowhere"))
    assert len(extension.requests) == 1


def test_what_else_answers_there_is_no_secret(extension: ExtensionServer, monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("secretsmanager").create_secret(Name=DESK, SecretString="of the client")
    for body in (b"<html>", b"[]", b'{"SecretString": null, "SecretBinary": null}'):
        monkeypatch.setattr(extension, "answer", lambda *_asked, body=body: (200, body))
        assert read_secret(read_settings(), DESK, "X", renewed=True) == "of the client"
