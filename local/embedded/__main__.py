"""`python -m local.embedded` installs the Node packages that the embedded database needs."""

import sys

from local.embedded.errors import EmbeddedDatabaseError
from local.embedded.installation import install


def main() -> int:
    """Installs what is missing; returns the exit code."""
    try:
        done = install()
    except EmbeddedDatabaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"the embedded database is {'installed' if done else 'already installed'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
