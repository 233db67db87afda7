"""The standard output, whose failures are told from all others."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.errors import Explained


class NobodyReads(Exception):
    """Whoever read the standard output has closed it."""


class Unwritable(Explained):
    """The standard output takes nothing: a full disk."""


class _Output(io.FileIO):
    """Bytes to a file descriptor that somebody else owns.

    Raises:
        NobodyReads, Unwritable: they cannot be written.
    """

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise NobodyReads from None
        except OSError as error:
            raise Unwritable(f"the output cannot be written: {error.strerror}") from None


@contextmanager
def explained_stdout() -> Iterator[None]:
    """Have what cannot be written to the standard output end a command, once: whatever is left is not written then.

    Raises:
        NobodyReads: the reader has gone.
        Unwritable: it cannot be written.
    """
    given = sys.__stdout__
    if given is None or sys.stdout is not given:  # closed, or somebody else's in the place of it
        yield
        return
    raw = _Output(given.fileno(), "wb", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw), given.encoding, given.errors, line_buffering=given.line_buffering
    )
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except (NobodyReads, Unwritable):
        _write_no_more(given.fileno())
        raise
    finally:
        sys.stdout.flush()
        sys.stdout = given


def _write_no_more(descriptor: int) -> None:
    """What is left in the buffers would fail again when the interpreter ends."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)
