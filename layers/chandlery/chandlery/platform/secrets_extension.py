"""AWS's extension for parameters and secrets: a process of Lambda's that answers over HTTP on this machine.

It spares the import of boto3, the largest of a cold start. What it cannot answer, the client is asked, which says why.
"""

import base64
import json
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

from chandlery.platform.settings.secrets import SecretSettings

_ANSWERS_WITHIN_SECONDS = 5
# It comes up beside the function; until then it answers 400, and says that it is not ready.
_READY_WITHIN_SECONDS = 1
_WAIT_SECONDS = 0.01
_NOT_READY = b"not ready"


def ask_extension(settings: SecretSettings, secret_id: str, *, renewed: bool) -> str | None:
    """The text of a secret, which the extension remembers unless it is to be `renewed`.

    Returns:
        None where no extension is set, or it did not answer with a secret.
    """
    if settings.parameters_secrets_extension_http_port is None:
        return None
    try:
        status, body = _answer_when_ready(settings, secret_id, renewed=renewed)
        return _text_of(body) if status == 200 else None
    except (OSError, HTTPException, ValueError):  # it is not there, or talks of something else
        return None


def _answer_when_ready(settings: SecretSettings, secret_id: str, *, renewed: bool) -> tuple[int, bytes]:
    waits_until = time.monotonic() + _READY_WITHIN_SECONDS
    while True:
        status, body = _answer(settings, secret_id, renewed=renewed)
        if status != 400 or _NOT_READY not in body or time.monotonic() > waits_until:
            return status, body
        time.sleep(_WAIT_SECONDS)


def _answer(settings: SecretSettings, secret_id: str, *, renewed: bool) -> tuple[int, bytes]:
    asked = urlencode({"secretId": secret_id} | ({"refreshNow": "true"} if renewed else {}))
    token = settings.aws_session_token
    headers = {"X-Aws-Parameters-Secrets-Token": token.get_secret_value()} if token else {}
    connection = HTTPConnection(
        "localhost", settings.parameters_secrets_extension_http_port, timeout=_ANSWERS_WITHIN_SECONDS
    )
    try:
        connection.request("GET", f"/secretsmanager/get?{asked}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _text_of(body: bytes) -> str | None:
    """Of an answer in the words of Secrets Manager's own GetSecretValue, in which a binary secret is in base64."""
    told = json.loads(body)
    if not isinstance(told, dict):
        return None
    if told.get("SecretBinary"):
        return base64.b64decode(told["SecretBinary"]).decode(errors="replace")
    text = told.get("SecretString")
    return text if isinstance(text, str) else None
