"""Where the command line begins, also where nothing but the wheel itself is installed."""

import sys

_OURS = {"chandlery", "functions", "local"}


def main() -> None:
    """Run a command; where a package is missing, say how to install all of them."""
    try:
        from local.command_line import main as run

        run()
    except ModuleNotFoundError as error:
        if (missing := str(error.name).partition(".")[0]) in _OURS:
            raise
        sys.exit(
            f"chandlery: {missing} is not installed; the command line needs all of:"
            " pip install 'chandlery[local,indicators,migrations]'"
        )


if __name__ == "__main__":
    main()
