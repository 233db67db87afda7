"""AWS on this machine: ministack, in which an unmodified `sam deploy` makes a stack whose functions run."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.emulation.building import REPO, SAM
from local.emulation.errors import EmulationError

INTERPRETER = Path(sys.prefix) / "emulator" / "bin" / "python"
_LONGEST_START_SECONDS = 900  # on a machine however busy; one that died is noticed at once


class Emulator:
    """ministack, in a process of its own, on a port of this machine that nobody else can reach; 0: any free one."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self._port = _free_port(port)
        self._clients: dict[str, Any] = {}
        self.access = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self.environment = self.access | {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.defpath)),
            # Nobody's own configuration of AWS or SAM.
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "SAM_CLI_TELEMETRY": "0",
        }

    def __enter__(self) -> Self:
        """Start it, and wait until it answers.

        Raises:
            EmulationError: it does not.
        """
        own = {
            "GATEWAY_PORT": str(self._port),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "STATE_DIR": str(self._folder / "state"),
            "S3_DATA_DIR": str(self._folder / "s3"),
            # As in Lambda, where /opt cannot be written to.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with (self._folder / "emulator.log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(INTERPRETER), "-P", str(Path(__file__).with_name("serving.py"))],
                cwd=self._folder,
                env=self.environment | own,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        ends = time.monotonic() + _LONGEST_START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > ends:
                self.__exit__(None, None, None)
                raise EmulationError(f"ministack does not answer; its log:\n{self.log}")
            time.sleep(0.1)  # its own start takes about a second
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, and with it the functions, which run in processes of their own."""
        # It may have ended by itself.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return (self._folder / "emulator.log").read_text()

    def client(self, service: str) -> Any:
        """A boto3 client of it, made once: that takes a tenth of a second."""
        if service not in self._clients:
            self._clients[service] = self._make_client(service)
        return self._clients[service]

    def _make_client(self, service: str) -> Any:
        import boto3  # imported here: no other command need wait for it
        from botocore.config import Config

        return boto3.client(
            service,  # type: ignore[call-overload]  # any
            endpoint_url=self.access["AWS_ENDPOINT_URL"],
            aws_access_key_id=self.access["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.access["AWS_SECRET_ACCESS_KEY"],
            region_name=self.access["AWS_REGION"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def deploy(self, template: Path, stack: str, parameters: Sequence[str]) -> None:
        """What `sam deploy` does, as the stack for development is deployed.

        Raises:
            EmulationError: it failed; the message holds what it and the emulator said.
        """
        # SAM looks for its configuration beside the template.
        configured = ["--config-file", str(REPO / "samconfig.toml"), "--config-env", "dev"]
        options = [*configured, "--template-file", str(template), "--stack-name", stack, "--no-progressbar"]
        done = subprocess.run(
            [SAM, "deploy", *options, "--parameter-overrides", *parameters],
            cwd=REPO,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise EmulationError(f"sam deploy failed:\n{done.stdout}\n{done.stderr}\n{self.log}")

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """What a function returns.

        Raises:
            EmulationError: it failed.
        """
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        returned = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise EmulationError(f"{function} failed: {returned}")
        return returned

    def events_of(self, function: str, since: int = 0) -> Sequence[Mapping[str, Any]]:
        """The log events of a function from a timestamp on, in milliseconds; 10,000 at most, the oldest first."""
        found: Sequence[Mapping[str, Any]] = self.client("logs").filter_log_events(
            logGroupName=f"/aws/lambda/{function}", startTime=since
        )["events"]
        return found

    def log_of(self, function: str) -> str:
        """What a function wrote."""
        return "\n".join(event["message"] for event in self.events_of(function))

    def resources_of(self, stack: str) -> Mapping[str, Mapping[str, Any]]:
        """The resources of a stack, by their logical names."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        return {each["LogicalResourceId"]: each for page in pages for each in page["StackResourceSummaries"]}

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise EmulationError(f"port {wanted} cannot be had: {error.strerror}; name another: --port") from None
        port: int = probe.getsockname()[1]
        return port
