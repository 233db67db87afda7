"""Secrets Manager: a secret as text, or as the model of what it has to hold."""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from chandlery.platform.errors import Permanent, Retryable
from chandlery.platform.secrets_extension import ask_extension
from chandlery.platform.settings.secrets import SecretSettings
from chandlery.words.complaint import first_complaint

Secret = TypeVar("Secret", bound=BaseModel)


def parse_secret(
    settings: SecretSettings, secret_id: str, setting: str, kind: type[Secret], needs: str, *, renewed: bool = False
) -> Secret:
    """A secret that is JSON, as the model of what it has to hold.

    Raises:
        Permanent: it does not exist, or does not hold what it `needs`.
        Retryable: Secrets Manager did not answer.
    """
    try:
        return kind.model_validate(json.loads(read_secret(settings, secret_id, setting, renewed=renewed)))
    except ValidationError as error:
        raise Permanent(
            f"secret {secret_id} is wrong: {first_complaint(error.errors(include_input=False, include_url=False))}"
        ) from None
    except ValueError:
        raise Permanent(f"secret {secret_id} is not JSON; it needs {needs}") from None


def read_secret(settings: SecretSettings, secret_id: str, setting: str, *, renewed: bool = False) -> str:
    """The text of a secret, which is remembered for some seconds unless it is to be `renewed`.

    Raises:
        Permanent: it does not exist, or may not be read; the message names the `setting` that names it.
        Retryable: Secrets Manager did not answer.
    """
    told = ask_extension(settings, secret_id, renewed=renewed)
    return _ask_client(secret_id, setting, renewed=renewed) if told is None else told


def _ask_client(secret_id: str, setting: str, *, renewed: bool) -> str:
    # Imported here: boto3 is a quarter of a second that a function with DATABASE_URL or the extension need not pay.
    from aws_lambda_powertools.utilities import parameters
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        stored: Any = parameters.get_secret(secret_id, force_fetch=renewed)  # bytes, of a binary secret
    except GetParameterError as error:
        if "ResourceNotFound" in str(error) or "AccessDenied" in str(error):
            raise Permanent(f"secret {secret_id} cannot be read: {error}; check {setting} and the role") from None
        raise Retryable(f"secret {secret_id} could not be read now: {error}") from None
    return stored.decode(errors="replace") if isinstance(stored, bytes) else stored
