"""Where secrets are asked for."""

from pydantic import Field, SecretStr
from pydantic.config import JsonDict

from chandlery.platform.settings.environment import Environment

_ALL: JsonDict = {"read_by": ["all"]}


class SecretSettings(Environment):
    """AWS's extension for parameters and secrets, where a function has it."""

    parameters_secrets_extension_http_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="port of AWS's extension for parameters and secrets on this machine; not set: it is not asked",
        json_schema_extra=_ALL,
    )
    aws_session_token: SecretStr | None = Field(
        None, description="set by Lambda: the extension answers to it alone", json_schema_extra=_ALL
    )
