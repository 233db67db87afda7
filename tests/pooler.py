"""A PgBouncer of a test's own, in transaction mode, before a server.

    with pooler(server_url, folder, "ignore_startup_parameters = options, extra_float_digits") as url: ...

It listens on 127.0.0.1 only, and lets in the users that the server lets in.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import make_conninfo

from tests.waiting import wait_until

# It refuses to run as root.
_OTHER = "postgres"
_SETTINGS = """\
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = {folder}/log
{more}
"""


def find_pgbouncer() -> str | None:
    """Its program; none where it is not installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pooler(url: str, folder: Path, more: str = "") -> Iterator[str]:
    """The same database, through PgBouncer.

    Args:
        url: the server's.
        folder: where others may enter.
        more: lines of its settings.
    """
    parts = urlsplit(url)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        own_port = taken.getsockname()[1]
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        _SETTINGS.format(
            server=make_conninfo(host=parts.hostname, port=parts.port, user=parts.username, password=parts.password),
            own_port=own_port,
            folder=folder,
            more=more,
        )
    )
    root = os.geteuid() == 0
    if root:
        for path in (folder, settings):
            shutil.chown(path, _OTHER, _OTHER)
    through = parts._replace(netloc=f"{parts.username}@127.0.0.1:{own_port}").geturl()
    with subprocess.Popen(
        [str(find_pgbouncer()), str(settings)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=_OTHER if root else None,
        group=_OTHER if root else None,
        extra_groups=[] if root else None,
    ) as process:
        try:
            wait_until(lambda: process.poll() is not None or _answers(through), "PgBouncer answers")
            assert process.poll() is None, (folder / "log").read_text()
            yield through
        finally:
            process.terminate()
            process.wait()


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
