"""Which vendor of historical candles is asked, and with what patience."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic.config import JsonDict

from chandlery.platform.domain.limits import VENDOR_REFUSALS, VENDOR_RETRIES
from chandlery.platform.settings.secrets import SecretSettings

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_HISTORY_GAPS: JsonDict = {"read_by": ["historical_gap_monitor"]}
_VENDOR: JsonDict = {"read_by": ["historical_gap_monitor", "command line"]}


class VendorSettings(SecretSettings):
    """The vendor, its key, and the patience with it."""

    vendor: Literal["polygon", "ccxt"] | None = Field(
        None, description="vendor of historical candles; none when not set", json_schema_extra=_VENDOR
    )
    vendor_url: str | None = Field(
        None,
        description="address of the vendor's API, up to its version; not set: the vendor's own",
        json_schema_extra=_VENDOR,
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
        description="most instrument-days that one run requests from the vendor, one request at a time",
        json_schema_extra=_HISTORY_GAPS,
    )
    vendor_most_refusals: int = Field(
        VENDOR_REFUSALS,
        ge=1,
        description="refused or unanswered instruments in a row after which a run asks no more",
        json_schema_extra=_HISTORY_GAPS,
    )
    vendor_retries: int = Field(
        VENDOR_RETRIES,
        ge=0,
        description="retries of a request that fails for the moment, with growing waits",
        json_schema_extra=_VENDOR,
    )
    vendor_timeout_seconds: float = Field(
        10, gt=0, description="longest single wait for the vendor's server", json_schema_extra=_VENDOR
    )
    vendor_deadline_seconds: float = Field(
        60, gt=0, description="longest time one fetch may take, with its pages and retries", json_schema_extra=_VENDOR
    )

    @field_validator("vendor_url")
    @classmethod
    def _is_encrypted(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
            raise ValueError("write https://…: the vendor's key goes there; http:// is for this machine alone")
        return url
