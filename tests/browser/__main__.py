"""`python -m tests.browser` installs axe-core, as its lock file pins it."""

import sys
from pathlib import Path

from local.node_packages import NodePackages, NodePackagesError


def main() -> int:
    """Install it; returns the exit code."""
    try:
        NodePackages(Path(__file__).parent, "the browser tests", "use a checkout you may write to").install()
    except NodePackagesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
