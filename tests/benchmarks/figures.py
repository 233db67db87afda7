"""What a run of the benchmarks prints: where it ran, and each figure on a line that names its row."""

import json
import os
import platform
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection

# What decides how fast a server is, apart from the machine.
SETTINGS = (
    "shared_buffers", "work_mem", "maintenance_work_mem", "effective_cache_size", "max_parallel_workers",
    "max_parallel_workers_per_gather", "jit", "fsync", "synchronous_commit", "wal_level", "max_wal_size",
    "random_page_cost",
)  # fmt: skip
NO_ROW = "-"
_STAT = Path("/proc/stat")


def row_of(test: str) -> str:
    """The row that a benchmark's name begins with: P8 of `test_p8_cold_starts[one]`."""
    found = re.match(r"test_([dop]\d+|soak)_", test)
    return found[1].upper() if found else NO_ROW


def figures_of(test: str, printed: str) -> Iterator[str]:
    """The lines that a benchmark printed, but for the logs and metrics of what it ran."""
    row = row_of(test)
    for line in printed.splitlines():
        if line.strip() and not _is_record(line):
            yield f"{row:<4} {line.removeprefix(f'{row} ')}"


def where(connection: Connection) -> Iterator[str]:
    """The lines at the head of a run."""
    row = connection.execute(
        "SELECT current_setting('server_version'), extversion FROM pg_extension WHERE extname = 'timescaledb'"
    ).fetchone()
    assert row is not None
    load = os.getloadavg()[0]
    yield (
        f"PostgreSQL {row[0]}, TimescaleDB {row[1]}, Python {platform.python_version()}, {os.cpu_count()} cores"
        f" ({platform.machine()}), load {load:.1f}"
    )
    settings = connection.execute(
        "SELECT name || ' = ' || current_setting(name) FROM unnest(%s::text[]) AS name", [list(SETTINGS)]
    )
    yield ", ".join(setting for (setting,) in settings)


@dataclass(frozen=True)
class Spent:
    """Seconds since some moment: on the wall, and of all processors together, ours and the server's."""

    wall: float
    user: float
    system: float

    @classmethod
    def now(cls) -> "Spent":
        """Until now; without /proc, of this process alone."""
        if _STAT.exists():
            user, nice, system, _, _, irq, softirq = map(int, _STAT.read_text().split("\n", 1)[0].split()[1:8])
            ticks = os.sysconf("SC_CLK_TCK")
            return cls(time.perf_counter(), (user + nice) / ticks, (system + irq + softirq) / ticks)
        own = os.times()
        return cls(time.perf_counter(), own.user, own.system)

    def since(self, before: "Spent") -> str:
        """What was spent, in words."""
        user, system = self.user - before.user, self.system - before.system
        share = system / (user + system) if user + system else 0
        return f"took {self.wall - before.wall:.0f} s; {share * 100:.0f} % of all processor time was the system's"


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
