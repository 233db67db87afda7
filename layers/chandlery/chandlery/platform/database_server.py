"""How libpq reaches the database: by its URL, or by a secret and the authority that vouches for the server."""

import hashlib
import ssl
import tempfile
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr

from chandlery.platform.errors import Permanent
from chandlery.platform.secrets import parse_secret
from chandlery.platform.settings.database import DatabaseSettings


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


def connection_parameters(settings: DatabaseSettings, *, renewed: bool = False) -> dict[str, Any]:
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
    secret = parse_secret(
        settings,
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
