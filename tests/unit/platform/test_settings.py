"""Settings from the environment, and the database from a secret (Secrets Manager as moto emulates it)."""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from moto import mock_aws

from chandlery.platform.database_server import connection_parameters
from chandlery.platform.errors import Permanent
from chandlery.platform.settings import LocalSettings, Settings, WarmUp, read_settings
from chandlery.reading.cache.server import cache_server
from chandlery.vendors import open_vendor
from chandlery.vendors.key import vendor_key
from chandlery.words.timeframe import Timeframe

SECRET = {
    "host": "db.desk",
    "port": 5433,
    "username": "writer",
    "password": "s3cret-word",
    "dbname": "market",
}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("DATABASE_URL", "DATABASE_SECRET_ID", "VENDOR", "VENDOR_API_KEY", "VENDOR_SECRET_ID"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield
    parameters.clear_caches()  # type: ignore[no-untyped-call]


def store(value: str) -> Settings:
    boto3.client("secretsmanager").create_secret(Name="desk/database", SecretString=value)
    return Settings(database_secret_id="desk/database")


def test_the_url_wins() -> None:
    settings = Settings(database_url="postgresql://a:b@c/d", database_secret_id="x")
    assert connection_parameters(settings) == {"conninfo": "postgresql://a:b@c/d"}
    assert "b@c" not in repr(settings)


def test_a_secret_names_the_database_and_verifies_tls_in_full() -> None:
    found = connection_parameters(store(json.dumps(SECRET)))
    assert (found["host"], found["port"], found["user"], found["dbname"]) == (
        "db.desk",
        5433,
        "writer",
        "market",
    )
    assert (found["sslmode"], found["sslrootcert"], found["password"]) == (
        "verify-full",
        ssl.get_default_verify_paths().cafile or "system",
        "s3cret-word",
    )


@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_an_authority_is_named_only_where_the_server_is_verified(sslmode: str) -> None:
    found = connection_parameters(store(json.dumps(SECRET | {"sslmode": sslmode})))
    assert found["sslmode"] == sslmode
    assert "sslrootcert" not in found


def test_a_secret_may_name_several_hosts_of_which_one_takes_writes() -> None:
    assert connection_parameters(store(json.dumps(SECRET)))["target_session_attrs"] == "any"
    several = json.dumps(SECRET | {"host": "a,b", "target_session_attrs": "read-write"})
    boto3.client("secretsmanager").create_secret(Name="desk/several", SecretString=several)
    found = connection_parameters(Settings(database_secret_id="desk/several"))
    assert (found["host"], found["target_session_attrs"]) == ("a,b", "read-write")


def test_a_secret_may_bring_its_own_authority() -> None:
    found = connection_parameters(store(json.dumps(SECRET | {"ca": "-----BEGIN CERTIFICATE-----", "user": "u"})))
    with open(found["sslrootcert"]) as file:  # noqa: PTH123
        assert file.read() == "-----BEGIN CERTIFICATE-----"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("not json", "is not JSON; it needs host, user, password and dbname"),
        (json.dumps({"host": "db", "password": "s3cret-word"}), "is wrong: "),
        (json.dumps(SECRET | {"port": "s3cret-word"}), "is wrong: PORT"),
    ],
)
def test_a_wrong_secret_is_reported_without_its_content(value: str, message: str) -> None:
    with pytest.raises(Permanent) as caught:
        connection_parameters(store(value))
    assert message in str(caught.value)
    assert "s3cret-word" not in str(caught.value)


def test_a_missing_secret_is_reported() -> None:
    with pytest.raises(Permanent, match=r"nowhere cannot be read.*check DATABASE_SECRET_ID"):
        connection_parameters(Settings(database_secret_id="nowhere"))


def test_no_database_is_reported() -> None:
    with pytest.raises(Permanent, match="set DATABASE_URL or DATABASE_SECRET_ID"):
        connection_parameters(Settings())


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_SETTLE_SECONDS", "soon")
    with pytest.raises(Permanent, match=r"LIVE_SETTLE_SECONDS: .*number"):
        read_settings()


def test_no_vendor_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().vendor is None
    monkeypatch.setenv("VENDOR", "polygon")
    assert read_settings().vendor == "polygon"
    monkeypatch.setenv("VENDOR", "pollygon")
    with pytest.raises(Permanent, match=r"VENDOR: .*'polygon'"):
        read_settings()


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    unset = Settings()
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "")
    monkeypatch.setenv("CHANDLERY_HOME", "")
    assert read_settings() == unset
    assert (unset.vendor, unset.vendor_url) == (None, None)
    assert open_vendor(unset) is None
    assert LocalSettings().chandlery_home == Path(".chandlery")
    # An empty key does not take the place of the secret.
    monkeypatch.setenv("VENDOR", "polygon")
    monkeypatch.setenv("VENDOR_SECRET_ID", "desk/vendor")
    vendor_secret("k3y-word")
    assert vendor_key(read_settings()).get_secret_value() == "k3y-word"


def test_the_vendors_key_of_the_environment_wins() -> None:
    settings = Settings(vendor_api_key="k3y-word", vendor_secret_id="nowhere")
    assert vendor_key(settings).get_secret_value() == "k3y-word"
    assert "k3y-word" not in repr(settings) + repr(vendor_key(settings))


@pytest.mark.parametrize("value", ["k3y-word", "k3y-word\n", '{"api_key": "k3y-word", "owner": "desk"}'])
def test_a_secret_holds_the_vendors_key(value: str) -> None:
    assert vendor_key(vendor_secret(value)).get_secret_value() == "k3y-word"


@pytest.mark.parametrize("value", [" \n", "{}", '{"api_key": ""}', '{"api_key": ["k3y-word"]}', '{"api_key": "k3y-'])
def test_a_secret_without_the_vendors_key_is_reported(value: str) -> None:
    with pytest.raises(Permanent, match="desk/vendor holds no key; make it") as caught:
        vendor_key(vendor_secret(value))
    assert "k3y-" not in str(caught.value)


def test_a_vendors_key_that_is_nowhere_is_reported() -> None:
    with pytest.raises(Permanent, match=r"nowhere cannot be read.*check VENDOR_SECRET_ID"):
        vendor_key(Settings(vendor_secret_id="nowhere"))
    with pytest.raises(Permanent, match="set VENDOR_API_KEY or VENDOR_SECRET_ID"):
        vendor_key(Settings())
    with pytest.raises(Permanent, match="VENDOR_API_KEY holds no key"):
        vendor_key(Settings(vendor_api_key=""))


def vendor_secret(value: str) -> Settings:
    boto3.client("secretsmanager").create_secret(Name="desk/vendor", SecretString=value)
    return Settings(vendor_secret_id="desk/vendor")


def test_series_to_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().cache_warm_up == ()
    monkeypatch.setenv("CACHE_WARM_UP", "NSE@NIFTY@INDEX:5m, X@Y@EQ:15minutes,")
    assert read_settings().cache_warm_up == (
        WarmUp("NSE@NIFTY@INDEX", Timeframe.M5),
        WarmUp("X@Y@EQ", Timeframe.M15),
    )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("NSE@NIFTY@INDEX", "is not an instrument key: write EXCHANGE@SYMBOL@TYPE"),
        ("NIFTY:5m", '"NIFTY" is not an instrument key'),
        ("NSE@NIFTY@INDEX:7m", "no timeframe 7m; there is: 1m, 5m"),
    ],
)
def test_a_wrong_series_to_warm_up_is_reported(monkeypatch: pytest.MonkeyPatch, written: str, said: str) -> None:
    monkeypatch.setenv("CACHE_WARM_UP", written)
    with pytest.raises(Permanent, match=f"CACHE_WARM_UP: .*{said}"):
        read_settings()


def test_the_password_of_redis_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "rediss://:s3cret-word@cache.desk:6379/0")
    monkeypatch.setenv("CACHE_KEY", "s3cret-word-of-16-or-more")
    assert "s3cret" not in repr(read_settings())
    monkeypatch.setenv("REDIS_URL", "cache.desk:s3cret-word")
    with pytest.raises(Permanent, match=r"REDIS_URL: .*write redis://") as told:
        read_settings()
    assert "s3cret" not in str(told.value)


def test_a_shared_cache_needs_a_key_of_some_length(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_server(read_settings()) is None
    monkeypatch.setenv("REDIS_URL", "redis://cache.desk:6379/0")
    with pytest.raises(Permanent, match="REDIS_URL needs CACHE_KEY"):
        read_settings()
    monkeypatch.setenv("CACHE_KEY", "s3cret-word")
    with pytest.raises(Permanent, match=r"CACHE_KEY: must have a length of 16 or more") as told:
        read_settings()
    assert "s3cret" not in str(told.value)


def test_a_deployed_cache_is_reached_by_tls_with_the_secrets_password(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"host": "cache.desk", "username": "api", "password": "p@ss/word", "key": "0123456789abcdef"}
    boto3.client("secretsmanager").create_secret(Name="cache", SecretString=json.dumps(said))
    monkeypatch.setenv("REDIS_SECRET_ID", "cache")
    server = cache_server(read_settings())
    assert server is not None
    assert (server.url, server.key) == ("rediss://api:p%40ss%2Fword@cache.desk:6379/0", b"0123456789abcdef")
    assert "p%40" not in repr(server)


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://vendor.example", True),
        ("http://127.0.0.1:8080/v2", True),
        ("http://vendor.example", False),
        ("http://localhost.vendor.example", False),
        ("vendor.example", False),
    ],
)
def test_the_vendors_key_goes_nowhere_in_clear(monkeypatch: pytest.MonkeyPatch, url: str, *, accepted: bool) -> None:
    monkeypatch.setenv("VENDOR_URL", url)
    if accepted:
        assert read_settings().vendor_url == url
    else:
        with pytest.raises(Permanent, match=r"VENDOR_URL: .*the vendor's key goes there"):
            read_settings()
