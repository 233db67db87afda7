"""`sam build`, for the interpreter and the processor at hand; and what of it nobody needs to deploy."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from local.emulation.errors import EmulationError

REPO = Path(__file__).resolve().parents[2]
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
SAM = Path(sys.executable).with_name("sam")
# What packages bring along and no function reads: tests, pydantic's former self, sources of what is compiled, types for
# editors, lists of files.
_IDLE = ("tests", "pydantic/v1", "*.a", "*.c", "*.h", "*.pxd", "*.pxi", "*.pyx", "*.pyi", "RECORD", "requirements.txt")
# What the page of the HTTP API links to.
_RUNBOOK, _PAGE = REPO / "docs" / "runbook", Path("http_api") / "page"
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def parameters(architecture: str = ARCHITECTURE) -> Sequence[str]:
    """Those of the template, for the interpreter at hand."""
    return (f"Runtime={RUNTIME}", f"Architecture={architecture}")


def build(folder: Path, architecture: str = ARCHITECTURE, resource: str | None = None) -> None:
    """Run `sam build`, of everything or of one resource.

    Raises:
        EmulationError: it failed; the message holds what it said.
    """
    environment = os.environ | {
        "PATH": os.pathsep.join((str(SAM.parent), os.environ["PATH"])),
        "SAM_CLI_TELEMETRY": "0",
    }
    command = [str(SAM), "build", *([resource] if resource else [])]
    options = ["--config-env", "local", "--build-dir", str(folder), "--no-cached", "--parameter-overrides"]
    done = subprocess.run(
        [*command, *options, *parameters(architecture)], cwd=REPO, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise EmulationError(f"sam build failed:\n{done.stderr}")
    strip(folder)
    add_runbook(folder)


def add_runbook(folder: Path) -> None:
    """Put the runbook beside the page, in each function that has it."""
    for page in folder.glob(f"*/{_PAGE}"):
        shutil.copytree(_RUNBOOK, page / "runbook", dirs_exist_ok=True)


def strip(folder: Path) -> None:
    """Take out of layers that were built what no function reads; a third of the one with numpy and TA-Lib."""
    for path in [each for layer in folder.glob("*Layer") for each in layer.rglob("*")]:
        if not any(map(path.match, _IDLE)):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    strip(Path(sys.argv[1]))
    add_runbook(Path(sys.argv[1]))
