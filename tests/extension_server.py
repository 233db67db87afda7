"""A local replacement for AWS's extension for parameters and secrets: its documented protocol over real HTTP.

    with ExtensionServer({"desk/database": "…"}) as server:
        server.refusals = 2  # it is not ready for the first two requests

As the real one it answers only to the function's token, and remembers a secret until it is asked with refreshNow=true.
"""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "the-functions-own-session-token"


class ExtensionServer:
    """Answers for the secrets given, in place of those of Secrets Manager."""

    def __init__(self, secrets: dict[str, str | bytes]) -> None:
        self.secrets = secrets
        self.refusals = 0
        self.requests: list[str] = []
        self.remembered: dict[str, str | bytes] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """What a function with the extension finds in its environment."""
        return {
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(self._http.server_port),
            "AWS_SESSION_TOKEN": TOKEN,
        }

    def answer(self, target: str, token: str | None) -> tuple[int, bytes]:
        """Status and body."""
        self.requests.append(target)
        if self.refusals:
            self.refusals -= 1
            return 400, b"not ready to serve traffic, please wait"
        if token != TOKEN:
            return 401, b"failed to authenticate request: the token is wrong"
        address = urlsplit(target)
        asked = parse_qs(address.query)
        name = asked.get("secretId", [""])[0]
        if address.path != "/secretsmanager/get" or name not in self.secrets:
            return 400, b"an unexpected error occurred while executing request"
        if name not in self.remembered or asked.get("refreshNow") == ["true"]:
            self.remembered[name] = self.secrets[name]
        return 200, json.dumps(_secret_value(name, self.remembered[name])).encode()


def _secret_value(name: str, value: str | bytes) -> dict[str, Any]:
    binary = value if isinstance(value, bytes) else None
    return {
        "ARN": f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}-AbC123",
        "CreatedDate": "2026-03-02T12:00:00Z",
        "Name": name,
        "SecretBinary": base64.b64encode(binary).decode() if binary is not None else None,
        "SecretString": value if isinstance(value, str) else None,
        "VersionId": "00000000-0000-0000-0000-000000000000",
        "VersionStages": ["AWSCURRENT"],
        "ResultMetadata": {},
    }


def _handler_of(server: ExtensionServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = server.answer(self.path, self.headers.get("X-Aws-Parameters-Secrets-Token"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: object) -> None: ...

    return Handler
