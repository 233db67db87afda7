"""The Node programs behind the embedded database: they end with their owner, and show that they work."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from local.embedded.installation import node_executable
from local.embedded.serving import Claim, Serving

Say = Callable[[str], None]
SAY_NOTHING: Say = lambda doing: None  # noqa: ARG005, E731
# A process that has been given no tenth of a second of a processor for so long stands still.
SILENT_SECONDS = 300.0


class NodeProcess:
    """One program, which holds the claim for as long as it lives."""

    def __init__(self, script: Path, options: Sequence[object], claim: Claim, log_file: Path) -> None:
        self._log_file = log_file
        # Its end tells the process that its owner is gone, however that went.
        stdin, self._hold = os.pipe()
        self._dropping = threading.Lock()
        with log_file.open("ab") as log, os.fdopen(stdin) as given:
            self._log_from = log.tell()
            self._process = subprocess.Popen(
                [str(word) for word in (node_executable(), script, *options)],
                stdin=given,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=log_file.parent,
                start_new_session=True,  # Ctrl-C in the terminal is not for the database
                pass_fds=claim.descriptors,
            )
        self.pid = self._process.pid
        # Takes the exit code whenever that comes, so that no zombie stays behind in a long-lived caller.
        threading.Thread(target=self._reap, name="embedded-database-reaper", daemon=True).start()

    def ended(self) -> int | None:
        """Returns the exit code, or None while it lives."""
        return self._process.poll()

    def let_go(self) -> None:
        """Lets it live on without its owner."""
        with contextlib.suppress(BrokenPipeError):  # it has ended since, which whoever uses it will notice
            os.write(self._hold, b"\n")
        self._drop()

    def kill(self) -> None:
        """Ends it at once; what it has committed is kept."""
        self._process.kill()
        self._process.wait()
        self._drop()

    def _reap(self) -> None:
        self._process.wait()
        self._drop()

    def _drop(self) -> None:
        with self._dropping:
            if self._hold >= 0:
                os.close(self._hold)
                self._hold = -1

    def said(self) -> Sequence[str]:
        """Returns the lines it has written since it began; none of an earlier process."""
        with self._log_file.open("rb") as log:
            log.seek(self._log_from)
            return [line for line in log.read().decode(errors="replace").split("\n") if line.strip()]


class Patience:
    """Waits for as long as a process shows that it works, and tells what it does."""

    def __init__(self, tell: Say) -> None:
        self._take = tell
        self._doing: str | None = None
        self._sign: Serving | None = None
        self._seen_at = time.monotonic()

    def say(self, doing: str) -> None:
        """Tells what is being done, unless that was told last."""
        if doing != self._doing:
            self._doing = doing
            self._take(doing)

    def is_over(self, sign: Serving | None) -> bool:
        """Takes what the process says of itself now; tells whether it has shown no sign of work for too long."""
        if sign is not None and sign.doing:
            self.say(sign.doing)
        if sign != self._sign:
            self._sign, self._seen_at = sign, time.monotonic()
        return time.monotonic() - self._seen_at > SILENT_SECONDS
