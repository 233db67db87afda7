"""Puts the page's library, as its lock file pins it, beside the page, with the licences it comes under."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from local.node_packages import NodePackages, remedy_of

_ROOT = Path(__file__).resolve().parents[2]
VENDOR = _ROOT / "functions" / "http_api" / "page" / "vendor"
_PACKAGES = NodePackages(
    Path(__file__).resolve().parent, "the page", "install Chandlery where you may write (a virtual environment)"
)
# What is copied, and under which name.
_FILES: Mapping[str, str] = {
    "lightweight-charts/dist/lightweight-charts.standalone.production.mjs": "lightweight-charts.js",
    "lightweight-charts/LICENSE": "lightweight-charts.LICENSE.txt",
}


def missing() -> str | None:
    """What to do where the library is not in place; none where it is."""
    there = _PACKAGES.is_installed() and all((VENDOR / name).is_file() for name in _FILES.values())
    return None if there else remedy_of("local.page")


def install() -> bool:
    """Install the library; returns False where it was in place already.

    Raises:
        NodePackagesError: the folder is not writable, or npm failed.
    """
    if missing() is None:
        return False
    _PACKAGES.install()
    VENDOR.mkdir(exist_ok=True)
    for source, name in _FILES.items():
        shutil.copyfile(_PACKAGES.modules / source, VENDOR / name)
    return True
