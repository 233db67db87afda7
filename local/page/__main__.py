"""`python -m local.page` installs the library that the page draws with."""

import sys

from local.node_packages import NodePackagesError
from local.page.installation import install


def main() -> int:
    """Install what is missing; returns the exit code."""
    try:
        done = install()
    except NodePackagesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"the page's library is {'installed' if done else 'already installed'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
