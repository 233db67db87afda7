"""The only reader of the environment: every setting, with its default and its unit."""

import hashlib
import json
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from chandlery.domain.instrument import exchange_of
from chandlery.domain.timeframe import Timeframe
from chandlery.errors import Permanent, Retryable


@dataclass(frozen=True)
class WarmUp:
    """A series of candles to have in the cache from the start."""

    instrument_key: str
    timeframe: Timeframe

    @classmethod
    def parse(cls, text: str) -> Self:
        """One as it is written: `NSE@NIFTY@INDEX:5m`.

        Raises:
            ValueError: it is not written so, or there is no such timeframe.
        """
        key, _, timeframe = text.strip().rpartition(":")
        exchange_of(key)
        return cls(key, Timeframe.parse(timeframe))


class Settings(BaseSettings):
    """What a function needs to know; each field is the environment variable of the same name, in capitals.

    An empty variable is one that is not set: a template passes a parameter without a value that way.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr | None = Field(None, description="PostgreSQL URL of the desk's TimescaleDB")
    database_secret_id: str | None = Field(None, description="Secrets Manager secret used when DATABASE_URL is not set")
    database_connect_timeout_seconds: int = Field(5, ge=1, description="longest wait for a connection")
    database_statement_timeout_seconds: int = Field(40, ge=1, description="longest time one statement may take")
    database_lock_timeout_seconds: int = Field(15, ge=1, description="longest wait for another writer of candles")
    live_settle_seconds: float = Field(5, ge=0, le=30, description="wait after a minute's end before it is aggregated")
    live_piece_candles: int = Field(20_000, ge=1, description="candles written in one transaction, about")
    live_gap_check_buckets: int = Field(
        100_000,
        ge=0,
        description="instrument-minutes each run looks through for lost marks; the day is covered in turns",
    )
    gap_share_instruments: int = Field(1_000, ge=1, description="instruments whose gaps are looked for together")
    gap_verify_buckets: int = Field(
        1_000,
        ge=0,
        description="instrument-minutes each run of the live gap monitor holds against their ticks, in turns",
    )
    history_verify_buckets: int = Field(
        500_000,
        ge=0,
        description="instrument-minutes each run of the historical gap monitor holds against their ticks, in turns",
    )
    policy_stale_marks: int = Field(
        2_000,
        ge=0,
        description="marks of changed minutes whose derived candles each run of policy maintenance refreshes",
    )
    history_stale_marks: int = Field(
        200_000,
        ge=0,
        description="marks of changed minutes whose derived candles each run of the historical processor refreshes",
    )
    indicator_piece_hours: int = Field(
        50_000, ge=1, description="instrument-hours of candles whose indicators are computed in one transaction, about"
    )
    api_statement_timeout_seconds: float = Field(
        8, gt=0, le=25, description="longest time one statement of a request may take"
    )
    api_most_candles: int = Field(10_000, ge=1, le=10_000, description="candles one request may ask for")
    api_most_indicators: int = Field(50, ge=1, description="indicators one request may ask for")
    api_most_values: int = Field(250_000, ge=1, description="candles times outputs of indicators in one answer")
    api_most_rows: int = Field(200_000, ge=1, description="candles one request may read, warm-up included")
    api_most_body_bytes: int = Field(100_000, ge=1, description="size of a request's body")
    vendor: Literal["polygon"] | None = Field(None, description="vendor of historical candles; none when not set")
    vendor_url: str = Field("https://api.polygon.io", description="where the vendor's API is, up to its version")
    vendor_api_key: SecretStr | None = Field(None, description="the vendor's key, for use outside AWS")
    vendor_secret_id: str | None = Field(None, description="Secrets Manager secret used when VENDOR_API_KEY is not set")
    vendor_adjusted: bool = Field(False, description="whether to ask for prices adjusted for splits")
    vendor_days: int = Field(500, ge=1, description="instrument-days the vendor is asked for in one run, at most")
    vendor_timeout_seconds: float = Field(10, gt=0, description="longest single wait for the vendor's server")
    vendor_deadline_seconds: float = Field(
        60, gt=0, description="longest time one fetch may take, with its pages and retries"
    )
    redis_url: SecretStr | None = Field(
        None, description="Redis or Valkey that sandboxes share as their second cache: redis, rediss (TLS) or unix"
    )
    cache_bytes: int = Field(64_000_000, ge=0, description="memory that a sandbox's cache of answers may take; 0: none")
    cache_redis_timeout_seconds: float = Field(
        0.15, gt=0, le=5, description="longest wait for Redis; it is left alone for a while then"
    )
    cache_warm_up: Annotated[tuple[WarmUp, ...], NoDecode] = Field(
        (), description="series to have in the cache from the start: NSE@NIFTY@INDEX:5m,NSE@NIFTY@INDEX:1d"
    )

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("write redis://:password@host:6379/0, rediss:// for TLS, or unix:///path")
        return url

    @field_validator("cache_warm_up", mode="before")
    @classmethod
    def _read_warm_up(cls, given: object) -> object:
        return (
            tuple(WarmUp.parse(part) for part in given.split(",") if part.strip()) if isinstance(given, str) else given
        )


class LocalSettings(BaseSettings):
    """What the command line needs to know beside `Settings`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    chandlery_home: Path = Field(Path(".chandlery"), description="where the embedded database keeps its data")


class DatabaseSecret(BaseModel):
    """The JSON of the database's secret; TLS is verified in full unless the secret says otherwise."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    host: str
    port: int = 5432
    user: str = Field(validation_alias=AliasChoices("user", "username"))
    password: SecretStr
    dbname: str
    sslmode: str = "verify-full"
    target_session_attrs: str = Field("any", description="read-write: of several hosts, the one that takes writes")
    ca: str | None = Field(None, description="PEM of the certificate authority; the system's own when absent")


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        Permanent: a variable does not parse; the message names it, and never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise Permanent(f"the environment is wrong: {_first_problem(error)}") from None


def connection_parameters(settings: Settings) -> dict[str, Any]:
    """What libpq needs to reach the database: of DATABASE_URL, or of the secret.

    Raises:
        Permanent: neither is set, the secret does not exist, or it does not hold what it should.
        Retryable: Secrets Manager did not answer.
    """
    if settings.database_url is not None:
        return {"conninfo": settings.database_url.get_secret_value()}
    if settings.database_secret_id is None:
        raise Permanent("no database is named: set DATABASE_URL or DATABASE_SECRET_ID")
    secret = _database_secret(settings.database_secret_id)
    return {
        "host": secret.host,
        "port": secret.port,
        "user": secret.user,
        "password": secret.password.get_secret_value(),
        "dbname": secret.dbname,
        "sslmode": secret.sslmode,
        "target_session_attrs": secret.target_session_attrs,
        "sslrootcert": _ca_file(secret.ca) if secret.ca else _system_ca(),
    }


def vendor_key(settings: Settings) -> SecretStr:
    """The vendor's key: VENDOR_API_KEY, or the secret, which is the key itself or JSON `{"api_key": "…"}`.

    Raises:
        Permanent: neither is set, or the one that is does not exist, is refused, or holds no key.
        Retryable: Secrets Manager did not answer.
    """
    if settings.vendor_api_key is not None:
        key, where = settings.vendor_api_key.get_secret_value(), "VENDOR_API_KEY"
    elif settings.vendor_secret_id is not None:
        key, where = _key_of(_read_secret(settings.vendor_secret_id, "VENDOR_SECRET_ID")), settings.vendor_secret_id
    else:
        raise Permanent("no key for the vendor is named: set VENDOR_API_KEY or VENDOR_SECRET_ID")
    # An editor's last newline is no part of a key.
    if not (key := key.strip()):
        raise Permanent(f'{where} holds no key; make it the key itself or JSON {{"api_key": "…"}}')
    return SecretStr(key)


def _key_of(secret: str) -> str:
    if not secret.lstrip().startswith("{"):
        return secret
    try:
        key = json.loads(secret).get("api_key")
    except ValueError:
        return ""
    return key if isinstance(key, str) else ""


def _database_secret(secret_id: str) -> DatabaseSecret:
    try:
        return DatabaseSecret.model_validate(json.loads(_read_secret(secret_id, "DATABASE_SECRET_ID")))
    except ValidationError as error:
        raise Permanent(f"secret {secret_id} is wrong: {_first_problem(error)}") from None
    except ValueError:
        raise Permanent(f"secret {secret_id} is not JSON; it needs host, user, password and dbname") from None


def _read_secret(secret_id: str, setting: str) -> str:
    # Imported here: boto3 is a third of a second that a function with DATABASE_URL need not pay.
    from aws_lambda_powertools.utilities import parameters
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        stored: Any = parameters.get_secret(secret_id)  # bytes, of a binary secret
    except GetParameterError as error:
        if "ResourceNotFound" in str(error) or "AccessDenied" in str(error):
            raise Permanent(f"secret {secret_id} cannot be read: {error}; check {setting} and the role") from None
        raise Retryable(f"secret {secret_id} could not be read now: {error}") from None
    return stored.decode(errors="replace") if isinstance(stored, bytes) else stored


def _system_ca() -> str:
    """The system's authorities, where Python finds them: psycopg's own OpenSSL looks in a place of its build."""
    return ssl.get_default_verify_paths().cafile or "system"


def _ca_file(pem: str) -> str:
    """Write it down: libpq takes a certificate authority as a file only."""
    path = Path(tempfile.gettempdir()) / f"chandlery-ca-{hashlib.sha256(pem.encode()).hexdigest()[:16]}.pem"
    if not path.exists():
        path.write_text(pem)
    return str(path)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
