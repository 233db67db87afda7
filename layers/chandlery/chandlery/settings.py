"""The only reader of the environment: every setting, with its default and its unit."""

import hashlib
import ssl
import tempfile
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from chandlery.errors import Permanent, Retryable


class Settings(BaseSettings):
    """What a function needs to know; each field is the environment variable of the same name, in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

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


class LocalSettings(BaseSettings):
    """What the command line needs to know beside `Settings`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

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
    secret = _read_secret(settings.database_secret_id)
    return {
        "host": secret.host,
        "port": secret.port,
        "user": secret.user,
        "password": secret.password.get_secret_value(),
        "dbname": secret.dbname,
        "sslmode": secret.sslmode,
        "sslrootcert": _ca_file(secret.ca) if secret.ca else _system_ca(),
    }


def _read_secret(secret_id: str) -> DatabaseSecret:
    # Imported here: boto3 is a third of a second that a function with DATABASE_URL need not pay.
    from aws_lambda_powertools.utilities import parameters
    from aws_lambda_powertools.utilities.parameters.exceptions import (
        GetParameterError,
        TransformParameterError,
    )

    try:
        stored = parameters.get_secret(secret_id, transform="json")
        return DatabaseSecret.model_validate(stored)
    except TransformParameterError:
        raise Permanent(f"secret {secret_id} is not JSON; it needs host, user, password and dbname") from None
    except ValidationError as error:
        raise Permanent(f"secret {secret_id} is wrong: {_first_problem(error)}") from None
    except GetParameterError as error:
        if "ResourceNotFound" in str(error) or "AccessDenied" in str(error):
            raise Permanent(
                f"secret {secret_id} cannot be read: {error}; check DATABASE_SECRET_ID and the role"
            ) from None
        raise Retryable(f"secret {secret_id} could not be read now: {error}") from None


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
