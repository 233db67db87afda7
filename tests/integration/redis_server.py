"""A Redis of the tests' own."""

import shutil
import subprocess
from pathlib import Path

import redis

from tests.waiting import wait_until

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")


class Server:
    """A Redis of the test's own, on a socket in a folder: it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self.url = f"unix://:s3cret-word@{self._socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert SERVER is not None
        command = [
            SERVER,
            "--port",
            "0",
            "--unixsocket",
            str(self._socket),
            "--save",
            "",
            "--requirepass",
            "s3cret-word",
        ]
        self._process = subprocess.Popen(command, cwd=self._socket.parent, stdout=subprocess.DEVNULL)
        wait_until(self._answers, "redis-server answers")

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self._socket), password="s3cret-word")
