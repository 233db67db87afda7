"""Lambda on this machine: a Runtime API server, and a sandbox in which AWS's own runtime client runs a function."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from tests.waiting import LAST_RESORT_SECONDS

_RUNTIME = "/2018-06-01/runtime"
_INVOCATION = f"{_RUNTIME}/invocation/"
_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended: what the function returned, or its error as Lambda reports it."""

    result: Any = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class _Invocation:
    event: Any
    deadline: float


class RuntimeApi(ThreadingHTTPServer):
    """The side of Lambda that a runtime talks to: it hands out events, and takes results and errors."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.invocations: Queue[_Invocation | None] = Queue()
        self.outcomes: Queue[Outcome] = Queue()

    @property
    def address(self) -> str:
        """What AWS_LAMBDA_RUNTIME_API says."""
        return f"127.0.0.1:{self.server_port}"

    def hand_out(self, event: Any, seconds: float) -> None:
        """Queue an event; the function may take `seconds` for it."""
        self.invocations.put(_Invocation(event, time.time() + seconds))

    def __enter__(self) -> Self:
        """Serve from now on."""
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Serve no more, and let go of a runtime that waits for an event."""
        self.invocations.put(None)
        self.shutdown()
        self.server_close()


class _Exchange(BaseHTTPRequestHandler):
    server: RuntimeApi
    # The client reads an answer's head and body apart: with Nagle's algorithm each answer would cost 40 ms.
    disable_nagle_algorithm = True
    wbufsize = 0

    def do_GET(self) -> None:
        if self.path != f"{_INVOCATION}next":
            self.send_error(404)
            return
        invocation = self.server.invocations.get()
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": str(uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:artifact",
            "Content-Type": "application/json",
        }
        self._answer(200, json.dumps(invocation.event).encode(), headers)

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"null")
        if self.path.endswith("/error"):  # of an invocation, or of the start: a module that cannot be imported
            self.server.outcomes.put(Outcome(error=said))
        elif self.path.endswith("/response"):
            self.server.outcomes.put(Outcome(result=said))
        self._answer(202, b"{}", {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's own name
        """Nothing: a test's output is the function's log."""


class Sandbox:
    """A function in a process of its own, which sees its artifact and Lambda's runtime client, and nothing else."""

    def __init__(self, function: Path, opt: Path, client: Path, handler: str, environment: Mapping[str, str]) -> None:
        self._function = function
        self._handler = handler
        self._log = client.parent / f"sandbox-{uuid4()}.log"
        self._api = RuntimeApi()
        self._environment = {
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join(map(str, (client, function, opt / "python"))),
            # As in Lambda, nothing is written to /opt; what one sandbox compiles the next one need not.
            "PYTHONPYCACHEPREFIX": str(client.parent / "bytecode"),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "artifact",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_REGION": "us-east-1",
            **environment,
        }

    def __enter__(self) -> Self:
        """Start the runtime."""
        self._api.__enter__()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._python("-m", "awslambdaric", self._handler),
                cwd=self._function,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, as Lambda does: without a word."""
        self._process.kill()
        self._process.wait()
        self._api.__exit__(kind, error, trace)

    @property
    def log(self) -> str:
        """What the function wrote so far."""
        return self._log.read_text()

    def invoke(self, event: Any, seconds: float = LAST_RESORT_SECONDS) -> Outcome:
        """Hand the function an event and the time it may take, and wait for the outcome.

        Raises:
            AssertionError: its process ended, or nothing ever came; the message holds its log.
        """
        self._api.hand_out(event, seconds)
        ends = time.monotonic() + LAST_RESORT_SECONDS
        while time.monotonic() < ends:
            try:
                return self._api.outcomes.get(timeout=0.1)
            except Empty:
                if self._process.poll() is not None:
                    break
        raise AssertionError(f"the function did not answer; its log:\n{self.log}")

    def run_python(self, code: str) -> str:
        """What a piece of Python prints that sees just what the function sees."""
        command = self._python("-c", code)
        return subprocess.run(
            command, cwd=self._function, env=self._environment, check=True, capture_output=True, text=True
        ).stdout

    @staticmethod
    def _python(*arguments: str) -> Sequence[str]:
        # -S leaves out site-packages, and with them the checkout and everything the layer may have forgotten.
        return [sys.executable, "-S", *arguments]


def copy_runtime_client(target: Path) -> None:
    """Put AWS's runtime client, which Lambda brings along, into a folder of its own."""
    for name in _CLIENT:
        files = distribution(name).files or []
        for file in files:
            if ".." not in file.parts and file.suffix != ".pyc":
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target / file)
