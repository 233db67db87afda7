"""Commands on a database of the tests, in this process."""

from typer.testing import CliRunner

from local.command_line import app


def chandlery(url: str, *arguments: str) -> tuple[int, str, str]:
    """A command: its exit code, what it said on stdout and on stderr."""
    done = CliRunner().invoke(app, list(arguments), env={"DATABASE_URL": url, "CHANDLERY_PROGRESS": "false"})
    return done.exit_code, done.stdout, done.stderr + str(done.exception or "")
