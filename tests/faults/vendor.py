"""A vendor in a process of its own: a process that forks should have no threads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from chandlery.words.window import DAY, MINUTE
from tests.faults.desk import OPENS
from tests.vendor_server import VendorServer, bar


@contextmanager
def vendor_process() -> Iterator[str]:
    """Serves some of what the old days lack; its address."""
    ours, theirs = os.pipe()
    stop, stopped = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(stopped)
            with VendorServer() as vendor:
                minutes = [OPENS + day * DAY + minute * MINUTE for day in (0, 1) for minute in (5, 6, 8, 22, 24)]
                vendor.give("B", *(bar(minute, 101, 103, 99, 102, v=7) for minute in minutes))
                os.write(theirs, vendor.url.encode())
                os.read(stop, 1)
        finally:
            os._exit(0)
    os.close(stop)
    yield os.read(ours, 1000).decode()
    for end in (ours, theirs, stopped):
        os.close(end)
    os.waitpid(pid, 0)
