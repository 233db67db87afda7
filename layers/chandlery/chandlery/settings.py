"""The only reader of the environment: every setting, with its default and its unit."""

import hashlib
import json
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from chandlery.domain.complaint import complaint
from chandlery.domain.instrument import exchange_of
from chandlery.domain.limits import (
    COUNT_PIECE_HOURS,
    INDICATOR_FILL_BUCKETS,
    INDICATOR_SPREAD_HOURS,
    PAGE_ROWS,
    REFRESH_PIECE_MINUTES,
    VENDOR_REFUSALS,
    VENDOR_RETRIES,
)
from chandlery.domain.timeframe import Timeframe
from chandlery.errors import Permanent, Retryable

Secret = TypeVar("Secret", bound=BaseModel)
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


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


SCHEDULED = (
    "live_processor",
    "live_gap_monitor",
    "historical_gap_monitor",
    "historical_processor",
    "policy_maintenance",
)

# Who reads a setting, beside the command line where it does the same work; README's table says so.
_LIVE: JsonDict = {"read_by": ["live_processor"]}
_LIVE_GAPS: JsonDict = {"read_by": ["live_gap_monitor"]}
_HISTORY_GAPS: JsonDict = {"read_by": ["historical_gap_monitor"]}
_HISTORY: JsonDict = {"read_by": ["historical_processor"]}
_POLICIES: JsonDict = {"read_by": ["policy_maintenance"]}
_API: JsonDict = {"read_by": ["http_api"]}
_CANDLES: JsonDict = {"read_by": ["live_processor", "live_gap_monitor", "historical_gap_monitor"]}
_GAPS: JsonDict = {"read_by": ["live_gap_monitor", "historical_gap_monitor"]}
_REFRESH: JsonDict = {"read_by": ["historical_processor", "policy_maintenance"]}
_VENDOR: JsonDict = {"read_by": ["historical_gap_monitor", "command line"]}
_SCHEDULED: JsonDict = {"read_by": ["every scheduled"]}
_ALL: JsonDict = {"read_by": ["all"]}


class Settings(BaseSettings):
    """What a function needs to know; each field is the environment variable of the same name, in capitals.

    An empty variable is one that is not set: a template passes a parameter without a value that way.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    live_processor_enabled: bool = Field(
        True, description="false: its runs do nothing, and say that they are switched off", json_schema_extra=_LIVE
    )
    live_gap_monitor_enabled: bool = Field(
        True, description="the same for the live gap monitor", json_schema_extra=_LIVE_GAPS
    )
    historical_gap_monitor_enabled: bool = Field(
        True, description="the same for the historical gap monitor", json_schema_extra=_HISTORY_GAPS
    )
    historical_processor_enabled: bool = Field(
        True, description="the same for the historical processor", json_schema_extra=_HISTORY
    )
    policy_maintenance_enabled: bool = Field(
        True, description="the same for policy maintenance", json_schema_extra=_POLICIES
    )
    indicators_enabled: bool = Field(
        True,
        description="false: the historical processor refreshes, but computes no indicators; their marks wait",
        json_schema_extra=_HISTORY,
    )
    dry_run: bool = Field(
        False, description="true: runs say what they would write, and write nothing", json_schema_extra=_SCHEDULED
    )
    dry_run_seconds: float = Field(
        10,
        gt=0,
        description="a dry run begins no other piece of work after so long: it keeps other writers waiting",
        json_schema_extra=_SCHEDULED,
    )
    run_reserve_seconds: float = Field(
        10,
        ge=1,
        description="kept back of a function's time limit, for the run's row, log and metrics",
        json_schema_extra=_SCHEDULED,
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL URL of the desk's TimescaleDB", json_schema_extra=_ALL
    )
    database_secret_id: str | None = Field(
        None, description="Secrets Manager secret, used when `DATABASE_URL` is not set", json_schema_extra=_ALL
    )
    database_connect_timeout_seconds: int = Field(
        5, ge=1, description="longest wait for a connection", json_schema_extra=_ALL
    )
    database_statement_timeout_seconds: int = Field(
        40,
        ge=1,
        description="longest time one statement may take; those of the API have their own",
        json_schema_extra=_ALL,
    )
    database_lock_timeout_seconds: int = Field(
        15, ge=1, description="longest wait for another writer of candles", json_schema_extra=_ALL
    )
    database_idle_transaction_timeout_seconds: int = Field(
        60, ge=1, description="how long the lock of a run that died may outlive it", json_schema_extra=_ALL
    )
    database_work_memory_mb: int = Field(
        64, ge=1, description="memory each sort or hash of a statement may take on the server", json_schema_extra=_ALL
    )
    database_parallel_workers: int | None = Field(
        None,
        ge=0,
        le=1024,
        description="processes of the server that may help with one statement; not set: as the server has it",
        json_schema_extra=_ALL,
    )
    live_settle_seconds: float = Field(
        5, ge=0, le=30, description="wait after a minute's end before it is aggregated", json_schema_extra=_LIVE
    )
    live_piece_candles: int = Field(
        20_000, ge=1, description="candles written in one transaction, about", json_schema_extra=_CANDLES
    )
    live_most_pieces: int | None = Field(
        None,
        ge=1,
        description="such transactions in one run, at most, the newest first; not set: as many as there is time for",
        json_schema_extra=_LIVE,
    )
    live_gap_check_buckets: int = Field(
        100_000,
        ge=0,
        description="instrument-minutes each run looks through for lost marks; the day is covered in turns",
        json_schema_extra=_LIVE,
    )
    gap_most_pieces: int | None = Field(
        None,
        ge=1,
        description="transactions of healing from ticks in one run of the live gap monitor, at most",
        json_schema_extra=_LIVE_GAPS,
    )
    gap_count_hours: int = Field(
        COUNT_PIECE_HOURS,
        ge=1,
        description="instrument-hours whose candles are counted in one transaction, about",
        json_schema_extra=_GAPS,
    )
    gap_share_instruments: int = Field(
        1_000, ge=1, description="instruments whose gaps are looked for together", json_schema_extra=_GAPS
    )
    gap_verify_buckets: int = Field(
        1_000,
        ge=0,
        description="instrument-minutes each run of the live gap monitor holds against their ticks, in turns",
        json_schema_extra=_LIVE_GAPS,
    )
    history_most_pieces: int | None = Field(
        None,
        ge=1,
        description="transactions of healing from ticks in one run of the historical gap monitor, at most",
        json_schema_extra=_HISTORY_GAPS,
    )
    history_most_weeks: int | None = Field(
        None,
        ge=1,
        description="weeks one run looks for gaps in, at most; the next goes on",
        json_schema_extra=_HISTORY_GAPS,
    )
    history_verify_buckets: int = Field(
        500_000,
        ge=0,
        description="instrument-minutes each run of the historical gap monitor holds against their ticks, in turns",
        json_schema_extra=_HISTORY_GAPS,
    )
    policy_stale_marks: int = Field(
        2_000,
        ge=0,
        description="marks of changed minutes whose derived candles each run of policy maintenance refreshes",
        json_schema_extra=_POLICIES,
    )
    history_stale_marks: int = Field(
        200_000,
        ge=0,
        description="marks of changed minutes whose derived candles each run of the historical processor refreshes",
        json_schema_extra=_HISTORY,
    )
    refresh_piece_minutes: int = Field(
        REFRESH_PIECE_MINUTES,
        ge=1,
        description="minutes that one refresh of stale derived candles may fold, about: from a day to a week of them",
        json_schema_extra=_REFRESH,
    )
    indicator_piece_hours: int = Field(
        50_000,
        ge=1,
        description="instrument-hours of candles whose indicators are computed in one transaction, about",
        json_schema_extra=_HISTORY,
    )
    indicator_most_pieces: int | None = Field(
        None, ge=1, description="such transactions in one run, at most", json_schema_extra=_HISTORY
    )
    indicator_spread_hours: int = Field(
        INDICATOR_SPREAD_HOURS,
        ge=1,
        description="instrument-hours of marks that one statement makes ready for indicators",
        json_schema_extra=_HISTORY,
    )
    indicator_fill_buckets: int = Field(
        INDICATOR_FILL_BUCKETS,
        ge=1,
        description="buckets of history that are marked at a time for indicators new in the set",
        json_schema_extra=_HISTORY,
    )
    api_statement_timeout_seconds: float = Field(
        8, gt=0, le=25, description="longest time one statement of a request may take", json_schema_extra=_API
    )
    api_most_candles: int = Field(
        PAGE_ROWS, ge=1, le=PAGE_ROWS, description="candles one request may ask for", json_schema_extra=_API
    )
    api_most_indicators: int = Field(50, ge=1, description="indicators one request may ask for", json_schema_extra=_API)
    api_most_values: int = Field(
        250_000, ge=1, description="candles times outputs of indicators in one answer", json_schema_extra=_API
    )
    api_most_rows: int = Field(
        200_000, ge=1, description="candles one request may read, warm-up included", json_schema_extra=_API
    )
    api_most_body_bytes: int = Field(100_000, ge=1, description="size of a request's body", json_schema_extra=_API)
    redis_url: SecretStr | None = Field(
        None,
        description="Redis or Valkey that sandboxes share as their second cache: `redis://`, `rediss://` (TLS) or `unix://`",
        json_schema_extra=_API,
    )
    cache_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="what sandboxes sign their entries in `REDIS_URL` with, at least 16 characters; the same for all",
        json_schema_extra=_API,
    )
    redis_secret_id: str | None = Field(
        None,
        description="Secrets Manager secret with that Redis's host, password and key, used without `REDIS_URL`",
        json_schema_extra=_API,
    )
    cache_bytes: int = Field(
        64_000_000,
        ge=0,
        description="memory that a sandbox's cache of answers may take; 0: none",
        json_schema_extra=_API,
    )
    cache_settled_seconds: float = Field(
        604_800,
        gt=0,
        description="longest time an answer is kept whose candles are all a day old or older, its data being the same",
        json_schema_extra=_API,
    )
    cache_open_seconds: float = Field(
        3_600, gt=0, description="the same for an answer with newer candles", json_schema_extra=_API
    )
    cache_redis_timeout_seconds: float = Field(
        0.15,
        gt=0,
        le=5,
        description="longest wait for Redis; it is left alone for a while then",
        json_schema_extra=_API,
    )
    cache_warm_up: Annotated[tuple[WarmUp, ...], NoDecode] = Field(
        (),
        description="series to have in the cache from the start: `NSE@NIFTY@INDEX:5m,NSE@NIFTY@INDEX:1d`",
        json_schema_extra=_API,
    )
    vendor: Literal["polygon"] | None = Field(
        None, description="vendor of historical candles; none when not set", json_schema_extra=_VENDOR
    )
    vendor_url: str = Field(
        "https://api.polygon.io", description="where the vendor's API is, up to its version", json_schema_extra=_VENDOR
    )
    vendor_secret_id: str | None = Field(
        None,
        description="Secrets Manager secret with the vendor's key, used when `VENDOR_API_KEY` is not set",
        json_schema_extra=_VENDOR,
    )
    vendor_api_key: SecretStr | None = Field(
        None, description="the vendor's key itself, for use outside AWS", json_schema_extra=_VENDOR
    )
    vendor_adjusted: bool = Field(
        False, description="whether to ask for prices adjusted for splits; ticks are not", json_schema_extra=_VENDOR
    )
    vendor_days: int = Field(
        500,
        ge=1,
        description="instrument-days the vendor is asked for in one run, at most; one request at a time",
        json_schema_extra=_HISTORY_GAPS,
    )
    vendor_most_refusals: int = Field(
        VENDOR_REFUSALS,
        ge=1,
        description="after so many refused or unanswered instruments in a row, a run asks no more",
        json_schema_extra=_HISTORY_GAPS,
    )
    vendor_retries: int = Field(
        VENDOR_RETRIES,
        ge=0,
        description="tries after the first at a request that fails in passing, with growing waits",
        json_schema_extra=_VENDOR,
    )
    vendor_timeout_seconds: float = Field(
        10, gt=0, description="longest single wait for the vendor's server", json_schema_extra=_VENDOR
    )
    vendor_deadline_seconds: float = Field(
        60, gt=0, description="longest time one fetch may take, with its pages and retries", json_schema_extra=_VENDOR
    )

    def is_enabled(self, component: str) -> bool:
        """Whether a scheduled component, by its function's name, is to work at all; or `indicators`, a part of one."""
        enabled: bool = getattr(self, f"{component}_enabled")
        return enabled

    @property
    def idle(self) -> Sequence[str]:
        """The variables by which runs write nothing."""
        off = [f"{name}_enabled".upper() for name in (*SCHEDULED, "indicators") if not self.is_enabled(name)]
        return [*off, "DRY_RUN"] if self.dry_run else off

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("write redis://:password@host:6379/0, rediss:// for TLS, or unix:///path")
        return url

    @field_validator("vendor_url")
    @classmethod
    def _is_encrypted(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
            raise ValueError("write https://…: the vendor's key goes there; http:// is for this machine alone")
        return url

    @model_validator(mode="after")
    def _has_cache_key(self) -> Self:
        if self.redis_url is not None and self.cache_key is None:
            raise ValueError("REDIS_URL needs CACHE_KEY, 16 characters or more that the Redis does not know")
        return self

    @field_validator("cache_warm_up", mode="before")
    @classmethod
    def _read_warm_up(cls, given: object) -> object:
        return (
            tuple(WarmUp.parse(part) for part in given.split(",") if part.strip()) if isinstance(given, str) else given
        )


class LocalSettings(BaseSettings):
    """What the command line needs to know beside `Settings`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    chandlery_home: Path = Field(
        Path(".chandlery"),
        description="where the embedded database keeps its data; not set: here, or above where one is",
        json_schema_extra={"read_by": ["command line"]},
    )
    chandlery_progress: bool = Field(
        True,
        description="false: a long command says nothing of its progress where stderr is no terminal",
        json_schema_extra={"read_by": ["command line"]},
    )


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


class RedisSecret(BaseModel):
    """The JSON of the secret of the Redis that sandboxes share; TLS unless it says otherwise."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    host: str
    port: int = 6379
    user: str = Field("", validation_alias=AliasChoices("user", "username"))
    password: SecretStr = SecretStr("")
    tls: bool = True
    key: SecretStr = Field(min_length=16)

    @property
    def url(self) -> str:
        """As a client of Redis takes it."""
        login = f"{quote(self.user, safe='')}:{quote(self.password.get_secret_value(), safe='')}@"
        return f"redis{'s' if self.tls else ''}://{login if login != ':@' else ''}{self.host}:{self.port}/0"


@dataclass(frozen=True)
class CacheServer:
    """The Redis that sandboxes share, with its password in the URL, and the key they sign their entries with."""

    url: str = field(repr=False)
    key: bytes = field(repr=False)


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        Permanent: a variable does not parse; the message names it, and never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise Permanent(f"the environment is wrong: {_first_problem(error)}") from None


def connection_parameters(settings: Settings, *, renewed: bool = False) -> dict[str, Any]:
    """What libpq needs to reach the database: of DATABASE_URL, or of the secret, which is remembered for some seconds.

    Args:
        settings: which of the two.
        renewed: whether the secret is to be read anew in any case.

    Raises:
        Permanent: neither is set, the secret does not exist, or it does not hold what it should.
        Retryable: Secrets Manager did not answer.
    """
    if settings.database_url is not None:
        return {"conninfo": settings.database_url.get_secret_value()}
    if settings.database_secret_id is None:
        raise Permanent("no database is named: set DATABASE_URL or DATABASE_SECRET_ID")
    secret = _parse_secret(
        settings.database_secret_id,
        "DATABASE_SECRET_ID",
        DatabaseSecret,
        "host, user, password and dbname",
        renewed=renewed,
    )
    return {
        "host": secret.host,
        "port": secret.port,
        "user": secret.user,
        "password": secret.password.get_secret_value(),
        "dbname": secret.dbname,
        "sslmode": secret.sslmode,
        "target_session_attrs": secret.target_session_attrs,
        **_authority(secret),
    }


def cache_server(settings: Settings) -> CacheServer | None:
    """The Redis that sandboxes share: of REDIS_URL and CACHE_KEY, or of the secret; none where neither is set.

    Raises:
        Permanent: the secret does not exist, or does not hold what it should.
        Retryable: Secrets Manager did not answer.
    """
    if settings.redis_url is not None and settings.cache_key is not None:
        return CacheServer(settings.redis_url.get_secret_value(), settings.cache_key.get_secret_value().encode())
    if settings.redis_secret_id is None:
        return None
    secret = _parse_secret(settings.redis_secret_id, "REDIS_SECRET_ID", RedisSecret, "host, password and key")
    return CacheServer(secret.url, secret.key.get_secret_value().encode())


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


def _parse_secret(secret_id: str, setting: str, kind: type[Secret], needs: str, *, renewed: bool = False) -> Secret:
    try:
        return kind.model_validate(json.loads(_read_secret(secret_id, setting, renewed=renewed)))
    except ValidationError as error:
        raise Permanent(f"secret {secret_id} is wrong: {_first_problem(error)}") from None
    except ValueError:
        raise Permanent(f"secret {secret_id} is not JSON; it needs {needs}") from None


def _read_secret(secret_id: str, setting: str, *, renewed: bool = False) -> str:
    # Imported here: boto3 is a third of a second that a function with DATABASE_URL need not pay.
    from aws_lambda_powertools.utilities import parameters
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        stored: Any = parameters.get_secret(secret_id, force_fetch=renewed)  # bytes, of a binary secret
    except GetParameterError as error:
        if "ResourceNotFound" in str(error) or "AccessDenied" in str(error):
            raise Permanent(f"secret {secret_id} cannot be read: {error}; check {setting} and the role") from None
        raise Retryable(f"secret {secret_id} could not be read now: {error}") from None
    return stored.decode(errors="replace") if isinstance(stored, bytes) else stored


def _authority(secret: DatabaseSecret) -> dict[str, str]:
    """Who vouches for the server: nobody where the secret wants none, since libpq would hold the server against it."""
    if secret.ca:
        return {"sslrootcert": _ca_file(secret.ca)}
    return {"sslrootcert": _system_ca()} if secret.sslmode.startswith("verify-") else {}


def _system_ca() -> str:
    """The system's authorities, where Python finds them: psycopg's own OpenSSL looks in a place of its build."""
    return ssl.get_default_verify_paths().cafile or "system"


def _ca_file(pem: str) -> str:
    """Write it down: libpq takes a certificate authority as a file only."""
    path = Path(tempfile.gettempdir()) / f"chandlery-ca-{hashlib.sha256(pem.encode()).hexdigest()[:16]}.pem"
    # Whoever else writes there could have put another authority under the name.
    if not path.exists() or path.read_text() != pem:
        path.write_text(pem)
    return str(path)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"]).upper()
    return f"{where}: {complaint(problem)}" if where else complaint(problem)
