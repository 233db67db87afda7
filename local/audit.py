"""Whether PyPI knows vulnerabilities of what is locked: `make audit`.

Exits with 1 where it does, and with 0 where it knows none or cannot be asked, which is said.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What is deployed comes first, and is short: where nobody answers, that shows soon. The other holds it too, and more.
LOCKS = (Path("layers/chandlery/requirements.txt"), Path("requirements-dev.txt"))


@dataclass(frozen=True)
class Audit:
    """What is known of a lock: vulnerabilities, a line each; the packages looked up, and those PyPI does not know."""

    vulnerable: Sequence[str]
    audited: Sequence[str]
    unknown: Sequence[str]


def main() -> int:
    """Audit the locks one by one; returns the exit code."""
    for lock in LOCKS:
        found = audit(lock)
        # Where a mirror answers in PyPI's place, every package is unknown: that is no report.
        if isinstance(found, str) or not found.audited:
            why = found if isinstance(found, str) else "the index in use has no report of vulnerabilities"
            sys.stdout.write(f"audit of {lock} skipped: {why}\n")
            return 0
        unknown = f"; not known to PyPI: {', '.join(found.unknown)}" if found.unknown else ""
        counts = f"{len(found.audited)} packages, {len(found.vulnerable)} vulnerabilities"
        sys.stdout.write(f"audit of {lock}: {counts}{unknown}\n")
        if found.vulnerable:
            sys.stdout.writelines(f"  {line}\n" for line in found.vulnerable)
            return 1
    return 0


def audit(lock: Path) -> Audit | str:
    """What PyPI knows of a lock; why not, in a line, where it cannot be asked."""
    asked = ["-m", "pip_audit", "--disable-pip", "--require-hashes", "-r", str(lock)]
    shown = ["--format", "json", "--progress-spinner", "off", "--timeout", "5"]
    done = subprocess.run([sys.executable, *asked, *shown], capture_output=True, text=True, check=False)
    try:
        return read_report(json.loads(done.stdout))
    except ValueError:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        return f"pip-audit could not ask ({said[-1].strip() if said else f'exit {done.returncode}'})"


def read_report(report: dict[str, Any]) -> Audit:
    """Pip-audit's JSON."""
    packages = report["dependencies"]
    found = [(package, each) for package in packages for each in package.get("vulns", ())]
    return Audit(
        [f"{package['name']} {package['version']}: {each['id']}, {_fixed_in(each)}" for package, each in found],
        [package["name"] for package in packages if "skip_reason" not in package],
        [package["name"] for package in packages if "skip_reason" in package],
    )


def _fixed_in(vulnerability: dict[str, Any]) -> str:
    return f"fixed in {', '.join(vulnerability['fix_versions'])}" if vulnerability["fix_versions"] else "not fixed yet"


if __name__ == "__main__":
    sys.exit(main())
