"""PostgreSQL's own programs: found, asked for their version, and run, with what they say line by line.

How to reach the database goes to them in the environment, which only its owner can read: a command line is anybody's.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from psycopg import pq

from chandlery.platform.errors import Permanent, Retryable

_LOST = ("server closed the connection", "could not connect", "connection to server", "terminating connection")
_Say = Callable[[str], None]


@dataclass(frozen=True)
class Program:
    """One of them: where it is, and PostgreSQL's major version it belongs to."""

    name: str
    path: str
    major: int

    def run(
        self,
        arguments: Sequence[str],
        environment: dict[str, str] | None = None,
        tell: _Say | None = None,
        held: Sequence[int] = (),
        written: int = subprocess.DEVNULL,
    ) -> None:
        """Run it to its end; its messages go to `tell`, a line each. Interrupted, it is ended first.

        Args:
            arguments: none of them secret.
            environment: variables to add to this process's own.
            tell: takes each line it writes to stderr.
            held: file descriptors it is to hold for as long as it lives.
            written: the file descriptor of its stdout.

        Raises:
            Permanent: it failed; in its own words.
            Retryable: it lost the server, or did not reach it.
        """
        said: list[str] = []
        with subprocess.Popen(
            [self.path, *arguments],
            env=_spoken_plainly(environment),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            pass_fds=held,
        ) as process:
            try:
                for line in process.stderr or ():
                    if tell:
                        tell(line.rstrip())
                    if ": error: " in line or (said and ": detail: " in line):
                        said.append(line.partition(": error: ")[2] or line.partition(": detail: ")[2])
            except BaseException:
                process.terminate()
                process.wait()
                raise
        self._judge(process.returncode, said)

    def read(self, *arguments: str, given: str = "", held: Sequence[int] = ()) -> str:
        """Run it with some text as its stdin, and return what it writes to stdout.

        Args:
            arguments: none of them secret.
            given: what it reads from its stdin.
            held: file descriptors it is to inherit.

        Raises:
            Permanent: it failed; in its own words.
        """
        done = subprocess.run(
            [self.path, *arguments],
            env=_spoken_plainly(None),
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            pass_fds=held,
        )
        self._judge(done.returncode, [line.partition(": error: ")[2] for line in done.stderr.splitlines()])
        return done.stdout

    def _judge(self, code: int, said: Sequence[str]) -> None:
        if code == 0:
            return
        how = f"was ended by signal {-code}" if code < 0 else f"failed (exit {code})"
        words = "; ".join(" ".join(each.split()).removesuffix(".") for each in said[:2] if each)
        kind = Retryable if code < 0 or any(lost in words for lost in _LOST) else Permanent
        raise kind(f"{self.name} {how}" + (f": {words}" if words else ""))


def find_program(name: str, least: int = 0, why: str = "") -> Program:
    """One that is of a major version of PostgreSQL at least; `why` says whose version that is.

    Raises:
        Permanent: it is not installed, or is too old; says what to install.
    """
    package = "on Debian: apt install postgresql-client" + (f"-{least}" if least else "")
    path = shutil.which(name)
    if path is None:
        raise Permanent(f"{name} is not installed, or not on PATH; {package}")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", version)
    if found is None:
        raise Permanent(f"{path} does not tell its version: {version.strip() or 'nothing'}")
    if int(found[1]) < least:
        raise Permanent(f"{path} is of PostgreSQL {found[1]}, and {why} {least}: have one as new on PATH; {package}")
    return Program(name, path, int(found[1]))


def connection_environment(url: str) -> dict[str, str]:
    """What libpq's programs need to reach a database, as the variables they read it from.

    Options that have no variable (keepalives and the like) are left out.
    """
    options = pq.Conninfo.parse(url.encode())
    return {each.envvar.decode(): each.val.decode() for each in options if each.envvar and each.val is not None}


def _spoken_plainly(environment: dict[str, str] | None) -> dict[str, str]:
    """Their messages are read here: they are to be in no other language."""
    return {**os.environ, **(environment or {}), "LC_ALL": "C"}
