"""Which database, and what its sessions are set to."""

from pydantic import Field, SecretStr
from pydantic.config import JsonDict

from chandlery.platform.settings.secrets import SecretSettings

_ALL: JsonDict = {"read_by": ["all"]}


class DatabaseSettings(SecretSettings):
    """Which database, and what each session there is set to."""

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
        description="longest time one statement may take; those of the API have their own limit",
        json_schema_extra=_ALL,
    )
    database_lock_timeout_seconds: int = Field(
        15, ge=1, description="longest wait for another writer of candles", json_schema_extra=_ALL
    )
    database_idle_transaction_timeout_seconds: int = Field(
        60, ge=1, description="longest time that the lock of a dead run stays", json_schema_extra=_ALL
    )
    database_work_memory_mb: int = Field(
        64, ge=1, description="memory each sort or hash of a statement may take on the server", json_schema_extra=_ALL
    )
    database_parallel_workers: int | None = Field(
        None,
        ge=0,
        le=1024,
        description="processes of the server that may help with one statement; not set: the server's setting",
        json_schema_extra=_ALL,
    )
