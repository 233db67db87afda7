"""Which Redis sandboxes share: by its URL and key, or by a secret."""

from dataclasses import dataclass, field
from urllib.parse import quote

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr

from chandlery.platform.secrets import parse_secret
from chandlery.platform.settings.api import ApiSettings


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


def cache_server(settings: ApiSettings) -> CacheServer | None:
    """The Redis that sandboxes share: of REDIS_URL and CACHE_KEY, or of the secret; none where neither is set.

    Raises:
        Permanent: the secret does not exist, or does not hold what it should.
        Retryable: Secrets Manager did not answer.
    """
    if settings.redis_url is not None and settings.cache_key is not None:
        return CacheServer(settings.redis_url.get_secret_value(), settings.cache_key.get_secret_value().encode())
    if settings.redis_secret_id is None:
        return None
    secret = parse_secret(settings, settings.redis_secret_id, "REDIS_SECRET_ID", RedisSecret, "host, password and key")
    return CacheServer(secret.url, secret.key.get_secret_value().encode())
