"""GET /, /page/{version}/{name}: the page, its modules, and the runbook that it links to. It holds no data."""

import hashlib
import html
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from chandlery.platform.settings import Settings

from .application import app, request_id
from .encoding import VARY
from .problems import problem
from .sandbox import SANDBOX

router = Router()

_PAGE = Path(__file__).with_name("page")
# Where `make build` puts it; in a checkout it is among the documents.
_RUNBOOKS = (_PAGE / "runbook", Path(__file__).resolve().parents[2] / "docs" / "runbook")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}
# A file's address has the version of all files in it: what was kept of another version is never asked for.
_KEPT, _ASKED_AGAIN = "public, max-age=31536000, immutable", "no-cache"
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Strict-Transport-Security": "max-age=31536000",
}


@dataclass(frozen=True)
class _File:
    content: str
    content_type: str
    tag: str


def is_of_page(path: str) -> bool:
    """Whether a request is for the page, which asks no database."""
    return path == "/" or path.startswith("/page/")


@router.get("/", include_in_schema=False)
def get_page() -> Response[str]:
    """The page, with the version of its files and how it signs in."""
    written = _read(_PAGE / "index.html").content.replace("{{version}}", _version())
    written = written.replace("{{sign_in}}", html.escape(_sign_in(SANDBOX.settings)))
    return _respond(_file(written, ".html"), _ASKED_AGAIN)


@router.get("/page/<version>/<name>", include_in_schema=False)
def get_file(version: str, name: str) -> Response[str]:
    """A file of the page; of another version than asked for where a deployment came between, and then not kept."""
    found = _files().get(name)
    if found is None:
        return problem(404, "the page has no such file", request_id())
    return _respond(_read(found), _KEPT if version == _version() else _ASKED_AGAIN)


def _respond(file: _File, kept: str) -> Response[str]:
    headers = {
        **_SAFE,
        "Content-Security-Policy": _policy(SANDBOX.settings),
        "ETag": file.tag,
        "Cache-Control": kept,
        "Vary": VARY,
    }
    had = app.current_event.headers.get("if-none-match", "")
    if file.tag in {tag.strip().removeprefix("W/") for tag in had.split(",")}:
        return Response(status_code=304, content_type=None, headers=headers, body="")
    return Response(status_code=200, content_type=file.content_type, headers=headers, body=file.content)


def _sign_in(settings: Settings) -> str:
    return json.dumps(
        {
            "kind": settings.page_sign_in,
            "issuer": settings.page_issuer,
            "client_id": settings.page_client_id,
            "scope": settings.page_scope,
        }
    )


def _policy(settings: Settings) -> str:
    origins = [settings.page_issuer] if settings.page_issuer else []
    called = [_origin(each) for each in (*origins, *settings.page_token_origins.split())]
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(["connect-src", "'self'", *dict.fromkeys(called)]),
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@cache
def _files() -> dict[str, Path]:
    """Every file by its name; no two have the same."""
    runbook = next((folder for folder in _RUNBOOKS if folder.is_dir()), None)
    folders = [_PAGE, _PAGE / "vendor", *([runbook] if runbook else [])]
    found = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    return {path.name: path for path in found if path.suffix in _TYPES}


@cache
def _version() -> str:
    """What these files have in common, and no other deployment's have."""
    made = hashlib.sha256()
    for name, path in sorted(_files().items()):
        made.update(name.encode() + path.read_bytes())
    return made.hexdigest()[:12]


@cache
def _read(path: Path) -> _File:
    return _file(path.read_text(encoding="utf-8"), path.suffix)


def _file(content: str, suffix: str) -> _File:
    tag = '"' + hashlib.sha256(content.encode()).hexdigest()[:32] + '"'
    return _File(content, _TYPES[suffix], tag)
