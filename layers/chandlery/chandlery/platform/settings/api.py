"""What a request to the HTTP API may ask for, and what its answers are kept in."""

from dataclasses import dataclass
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic.config import JsonDict

from chandlery.platform.domain.limits import PAGE_ROWS
from chandlery.platform.settings.secrets import SecretSettings
from chandlery.reference.domain.instrument import exchange_of
from chandlery.words.timeframe import Timeframe


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


_API: JsonDict = {"read_by": ["http_api"]}


class ApiSettings(SecretSettings):
    """The bounds of a request, and the cache of answers."""

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
        description="key that signs the entries of sandboxes in `REDIS_URL`, at least 16 characters; the same for all",
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
        description="longest time an answer is kept if all its candles are at least a day old and unchanged",
        json_schema_extra=_API,
    )
    cache_open_seconds: float = Field(
        3_600, gt=0, description="the same for an answer with newer candles", json_schema_extra=_API
    )
    cache_redis_timeout_seconds: float = Field(
        0.15,
        gt=0,
        le=5,
        description="longest wait for Redis; after that it is not asked for a while",
        json_schema_extra=_API,
    )
    cache_warm_up: tuple[WarmUp, ...] = Field(
        (),
        description="series to load into the cache at the start: `NSE@NIFTY@INDEX:5m,NSE@NIFTY@INDEX:1d`",
        json_schema_extra=_API,
    )

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("write redis://:password@host:6379/0, rediss:// for TLS, or unix:///path")
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
